//! Which class a name in an answer is, and which class id it has.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

/// Class names and ids of a batch.
///
/// With label categories: the name's position is its id, in any batch. Without: the id is a hash of the name, 31 bits,
/// so that batches that don't know of each other give a class the same id; the class map beside it says which it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    names: Vec<String>,
    ids: Vec<u32>,
    are_known: bool,
    by_name: BTreeMap<String, u32>,
    /// Names without surrounding space and in lower case; `None` when two categories look the same so.
    by_folded_name: BTreeMap<String, Option<u32>>,
}

impl Classes {
    /// The label categories, or, when there are none, the names that the answers hold.
    pub(super) fn new(categories: Option<&[String]>, answered: &BTreeSet<&str>) -> Self {
        let mut classes = Self {
            are_known: categories.is_some(),
            ..Self::default()
        };
        match categories {
            Some(categories) => {
                for name in categories {
                    classes.push(name, classes.names.len() as u32);
                }
            }
            None => {
                let mut ids = BTreeSet::new();
                for name in answered {
                    let mut id = hashed_id(name);
                    while !ids.insert(id) {
                        id = (id + 1) & ID_MAX;
                    }
                    classes.push(name, id);
                }
            }
        }
        classes
    }

    fn push(&mut self, name: &str, id: u32) {
        let class = self.names.len() as u32;
        if self.by_name.insert(name.to_owned(), class).is_none() {
            self.by_folded_name
                .entry(folded(name))
                .and_modify(|other| *other = None)
                .or_insert(Some(class));
            self.names.push(name.to_owned());
            self.ids.push(id);
        }
    }

    /// Index of the class with this name: the same name, else the only one that differs in case or surrounding space.
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        let same = self.by_name.get(name).copied();
        same.or_else(|| self.by_folded_name.get(&folded(name)).copied().flatten())
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the names are label categories, so that another name is not one.
    pub(super) fn are_known(&self) -> bool {
        self.are_known
    }

    /// Class id and name of a class.
    pub(super) fn id_and_name(&self, class: u32) -> Option<(u32, &str)> {
        let idx = usize::try_from(class).ok()?;
        Some((*self.ids.get(idx)?, self.names.get(idx)?))
    }
}

/// Largest hashed class id, inclusive: a positive number in any language's 32-bit integer.
const ID_MAX: u32 = 0x7fff_ffff;

fn hashed_id(name: &str) -> u32 {
    let hash = Sha256::digest(name.as_bytes());
    let id = hash
        .iter()
        .take(4)
        .fold(0, |id, byte| (id << 8) | u32::from(*byte));
    id & ID_MAX
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_categories() {
        let categories = ["Dog", "cat", "CAT"].map(str::to_owned);
        let classes = Classes::new(Some(&categories), &BTreeSet::new());
        for (name, expected) in [
            ("Dog", Some(0)),
            (" dog ", Some(0)),
            ("cat", Some(1)),
            ("CAT", Some(2)),
            ("Cat", None),
            ("bird", None),
        ] {
            assert_eq!(classes.find(name), expected, "{name}");
        }
        assert_eq!(classes.id_and_name(2), Some((2, "CAT")));
        assert_eq!(classes.id_and_name(3), None);
    }

    #[test]
    fn without_categories_ids_are_the_same_in_every_batch() {
        let one = Classes::new(None, &BTreeSet::from(["a", "b"]));
        let other = Classes::new(None, &BTreeSet::from(["b", "c"]));
        let id =
            |classes: &Classes, name| classes.id_and_name(classes.find(name).unwrap()).unwrap().0;
        assert_eq!(id(&one, "b"), id(&other, "b"));
        assert_ne!(id(&one, "a"), id(&one, "b"));
    }
}
