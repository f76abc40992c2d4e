//! Which lines go to a dataset, where datasets are chosen by label attribute.

/// Which lines go to a dataset, where datasets are chosen by label attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// Label attributes of this dataset.
    pub here: Vec<String>,
    /// Label attributes of other ones.
    pub elsewhere: Vec<String>,
    /// Whether the dataset takes lines of label attributes that are in neither list.
    pub takes_others: bool,
}

impl Destination {
    /// Whether lines go there whose label attribute may be called so, the likeliest first.
    #[must_use]
    pub fn takes(&self, names: &[String]) -> bool {
        let known = names.iter().find_map(|name| {
            let is_here = self.here.contains(name);
            (is_here || self.elsewhere.contains(name)).then_some(is_here)
        });
        known.unwrap_or(self.takes_others)
    }
}
