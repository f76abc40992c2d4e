//! Settings of the two labeling functions, as their environments have them.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::job::categories;

/// A setting that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the setting {name}: {reason}")]
pub struct SettingError {
    /// The variable's name.
    pub name: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl SettingError {
    /// `errorType` of the function's answer.
    #[must_use]
    pub fn code(&self) -> String {
        format!("Setting.{}", self.name)
    }
}

/// Names an error's setting, for `map_err`.
pub fn in_setting<E: Display>(name: &'static str) -> impl FnOnce(E) -> SettingError {
    move |error| SettingError {
        name,
        reason: error.to_string(),
    }
}

/// Variables by name. A blank one counts as unset: a template can't leave a variable out as easily.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Settings of these variables.
    #[must_use]
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let set = variables
            .into_iter()
            .filter(|(_, value)| !value.trim().is_empty());
        Self(set.collect())
    }

    /// A setting as it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number between two others, both inclusive.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for anything else.
    pub fn number(
        &self,
        name: &'static str,
        min: f64,
        max: f64,
    ) -> Result<Option<f64>, SettingError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text.trim().parse().ok();
        match number.filter(|number| (min..=max).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(in_setting(name)(format!(
                "{text:?} is not a number from {min} to {max}"
            ))),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for anything else.
    pub fn is_on(&self, name: &'static str, default: bool) -> Result<bool, SettingError> {
        match self.get(name) {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(in_setting(name)("neither true nor false")),
        }
    }

    /// Label categories: of the label category file that the setting `file` names, where its content is given, else the
    /// names in the setting `list`; none when neither is set.
    ///
    /// # Errors
    ///
    /// [`SettingError`] with the setting that holds no label categories.
    pub fn label_categories(
        &self,
        file: &'static str,
        content: Option<&[u8]>,
        list: &'static str,
    ) -> Result<Vec<String>, SettingError> {
        match content {
            Some(bytes) => categories::parse_file(bytes).map_err(in_setting(file)),
            None => categories::parse_setting(self.get(list).unwrap_or_default())
                .map_err(in_setting(list)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: &str) -> Settings {
        Settings::new([("X".to_owned(), value.to_owned())])
    }

    #[test]
    fn numbers() {
        for (value, expected) in [
            ("", Ok(None)),
            (" ", Ok(None)),
            ("0", Ok(Some(0.0))),
            (" 0.5 ", Ok(Some(0.5))),
            ("1", Ok(Some(1.0))),
            ("1.01", Err(())),
            ("-0.1", Err(())),
            ("NaN", Err(())),
            ("a", Err(())),
        ] {
            let found = settings(value).number("X", 0.0, 1.0).map_err(|_| ());
            assert_eq!(found, expected, "{value:?}");
        }
        let error = settings("7").number("X", 0.0, 1.0).unwrap_err();
        assert_eq!(error.code(), "Setting.X");
        let text = "failed to read the setting X: \"7\" is not a number from 0 to 1";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn switches() {
        for (value, expected) in [("", Ok(true)), ("false", Ok(false)), ("no", Err(()))] {
            let found = settings(value).is_on("X", true).map_err(|_| ());
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn categories_of_a_file_win() {
        let set = settings("a, b");
        assert_eq!(set.label_categories("F", None, "X").unwrap(), ["a", "b"]);
        let file = Some(br#"["c"]"#.as_slice());
        assert_eq!(set.label_categories("F", file, "X").unwrap(), ["c"]);
        let error = set.label_categories("F", Some(b"{"), "X").unwrap_err();
        assert_eq!(error.name, "F");
        let error = settings("a,a").label_categories("F", None, "X");
        assert_eq!(error.unwrap_err().name, "X");
        let none = Settings::default().label_categories("F", None, "X");
        assert!(none.unwrap().is_empty());
    }
}
