//! `--shard K/N`: one of N disjoint parts of the sets, the same in every run and on every machine.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::manifest::shape::parse_integer;
use crate::plan::Part;

/// One part of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    /// Which one, from 1.
    part: u64,
    /// Of how many, at least 1.
    parts: u64,
}

impl Shard {
    /// Which one, and of how many.
    pub(super) fn numbers(self) -> (u64, u64) {
        (self.part, self.parts)
    }

    /// Whether a set belongs to this part. All that counts are its target's name and its own: adding a set moves no other one.
    pub(super) fn holds(self, target: &str, set: &str) -> bool {
        let hash = Sha256::digest(format!("{target}\0{set}"));
        let first = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        first % self.parts == self.part - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(part, parts)| Some((parse_integer(part)?, parse_integer(parts)?)));
        match parsed {
            Some((_, parts)) if parts > Part::MOST => Err(format!("there are at most {} parts", Part::MOST)),
            Some((part, parts)) if (1..=parts).contains(&part) => Ok(Self { part, parts }),
            Some(_) => Err("the part counts from 1 to the number of parts, such as 1/4 to 4/4".to_owned()),
            None => Err("expected K/N, such as 1/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_in_exactly_one_part_and_no_part_is_idle() {
        for parts in [1, 2, 7] {
            let shards: Vec<Shard> = (1..=parts).map(|part| format!("{part}/{parts}").parse().unwrap()).collect();
            let mut held = vec![0; shards.len()];
            for set in 0..200 {
                let name = format!("set-{set}");
                let holders: Vec<usize> = (0..shards.len()).filter(|at| shards[*at].holds("prod", &name)).collect();
                assert_eq!(holders.len(), 1, "{name}");
                held[holders[0]] += 1;
            }
            assert!(held.iter().all(|n| *n > 0), "{held:?}");
        }
    }

    #[test]
    fn the_division_is_a_promise() {
        let held: Vec<bool> =
            ["a", "b", "c", "d", "e", "f"].map(|set| Shard { part: 1, parts: 2 }.holds("prod", set)).into();
        // Jobs that run different versions side by side must agree on it.
        assert_eq!(held, PROMISED);
    }

    const PROMISED: [bool; 6] = [true, false, false, true, true, true];

    #[test]
    fn parts_count_from_one() {
        for text in ["0/4", "5/4", "1/0", "1", "a/b", "-1/2", "1/2/3", "", "1/10001", "1/18446744073709551615"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert!("10000/10000".parse::<Shard>().is_ok());
        assert_eq!("4/4".parse::<Shard>().unwrap().to_string(), "4/4");
    }
}
