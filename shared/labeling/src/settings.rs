//! Settings of the three functions, as their environments have them.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::job::categories;

/// Characters of a value that an error shows, inclusive.
const VALUE_CHARS_MAX: usize = 100;

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

/// Variables by name, without blanks around their values. A blank one counts as unset: a template can't leave a variable out
/// as easily.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Settings of these variables.
    #[must_use]
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let trimmed = variables
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()));
        Self(trimmed.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// A setting as it stands.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// As [`Settings::get`], to be kept.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A setting that `parse` understands. `expected` says what is possible, and fits after "is not".
    ///
    /// # Errors
    ///
    /// [`SettingError`] with the value, cut to a readable length, when `parse` doesn't understand it.
    pub fn parsed<'s, T>(
        &'s self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&'s str) -> Option<T>,
    ) -> Result<Option<T>, SettingError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let value = parse(text).ok_or_else(|| {
            let shown: String = text.chars().take(VALUE_CHARS_MAX).collect();
            in_setting(name)(format!("{shown:?} is not {expected}"))
        });
        value.map(Some)
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
        let expected = format!("a number from {min} to {max}");
        self.parsed(name, &expected, |text| {
            let number = text.parse().ok();
            number.filter(|number| (min..=max).contains(number))
        })
    }

    /// `true`, `1` or `yes`; `false`, `0` or `no`.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for anything else.
    pub fn is_on(&self, name: &'static str, default: bool) -> Result<bool, SettingError> {
        let is_on = self.parsed(name, "true or false", |text| match text {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        });
        Ok(is_on?.unwrap_or(default))
    }

    /// Names separated by commas, blank ones left out; `None` when the setting isn't set.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let names = self.get(name)?.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        Some(names.map(str::to_owned).collect())
    }

    /// Different names: separated by commas, or a JSON list; none when the setting isn't set.
    ///
    /// # Errors
    ///
    /// [`SettingError`] for anything else.
    pub fn names(&self, name: &'static str) -> Result<Vec<String>, SettingError> {
        let names = self.get(name).unwrap_or_default();
        categories::parse_setting(names).map_err(in_setting(name))
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
            None => self.names(list),
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
        for (value, expected) in [
            ("", Ok(true)),
            ("true", Ok(true)),
            ("1", Ok(true)),
            (" yes", Ok(true)),
            ("false", Ok(false)),
            ("0", Ok(false)),
            ("no", Ok(false)),
            ("maybe", Err(())),
        ] {
            let found = settings(value).is_on("X", true).map_err(|_| ());
            assert_eq!(found, expected, "{value:?}");
        }
    }

    #[test]
    fn lists() {
        for (value, expected) in [
            ("", None),
            ("a, b,", Some(vec!["a", "b"])),
            (",", Some(vec![])),
        ] {
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(settings(value).list("X"), expected, "{value:?}");
        }
    }

    #[test]
    fn values_in_errors_are_cut() {
        let error = settings(&"a".repeat(101)).is_on("X", true).unwrap_err();
        let expected = format!("\"{}\" is not true or false", "a".repeat(100));
        assert_eq!(error.reason, expected);
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
