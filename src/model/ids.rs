//! Interned ids and the natural keys made of them.
//!
//! A run over a million assignments holds every id once; a key is sixteen bytes, copied, compared and hashed as numbers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;

/// The most parts a natural key has in any system (apis/README.md: Streamline's domain, service, key is three; one is spare).
pub const MAX_KEY_PARTS: usize = 4;

/// An interned id. Equal texts have equal symbols within one [`Ids`]; the order of symbols means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sym(u32);

impl Sym {
    /// "There is no such id", such as the service of a domain's own assignment. It is the symbol of the empty text.
    pub const NONE: Sym = Sym(0);

    /// Whether this is [`Sym::NONE`].
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// The natural key of an assignment: what makes it the same assignment on both sides.
///
/// Unused parts are [`Sym::NONE`]. What each part means is said by the provider's [`super::Capabilities::key_fields`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Key(pub [Sym; MAX_KEY_PARTS]);

impl Key {
    /// A key from its parts; parts past [`MAX_KEY_PARTS`] do not exist in any provider.
    pub fn new(parts: &[Sym]) -> Self {
        let mut key = [Sym::NONE; MAX_KEY_PARTS];
        for (slot, part) in key.iter_mut().zip(parts) {
            *slot = *part;
        }
        Self(key)
    }

    /// One part.
    pub fn part(&self, index: usize) -> Sym {
        self.0.get(index).copied().unwrap_or_default()
    }

    /// The same key with one part replaced.
    #[must_use]
    pub fn with(mut self, index: usize, part: Sym) -> Self {
        if let Some(slot) = self.0.get_mut(index) {
            *slot = part;
        }
        self
    }
}

#[derive(Debug, Default)]
struct Table {
    /// Seeded at random for each process, so that no manifest can be written to collide, and a third of the standard hasher's cost.
    by_text: HashMap<Arc<str>, Sym, RandomState>,
    texts: Vec<Arc<str>>,
}

/// The run's table of ids. Shared by reference; texts are never removed.
#[derive(Debug)]
pub struct Ids {
    table: Mutex<Table>,
}

impl Default for Ids {
    fn default() -> Self {
        let ids = Self { table: Mutex::new(Table::default()) };
        ids.sym("");
        ids
    }
}

impl Ids {
    /// The symbol of a text, made if it is new.
    pub fn sym(&self, text: &str) -> Sym {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sym) = table.by_text.get(text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(table.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = Arc::from(text);
        table.texts.push(Arc::clone(&text));
        table.by_text.insert(text, sym);
        sym
    }

    /// The text of a symbol; empty for a symbol of another table.
    pub fn text(&self, sym: Sym) -> Arc<str> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.texts.get(sym.0 as usize).cloned().unwrap_or_else(|| Arc::from(""))
    }

    /// The rank of every symbol in the order of the texts, indexed by symbol: sorting a million keys by rank compares numbers.
    pub fn ranks(&self) -> Ranks {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order: Vec<u32> = (0..u32::try_from(table.texts.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| table.texts[*a as usize].cmp(&table.texts[*b as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, sym) in order.iter().enumerate() {
            ranks[*sym as usize] = u32::try_from(rank).unwrap_or(u32::MAX);
        }
        Ranks(ranks)
    }
}

/// Text order of symbols, as of the moment when [`Ids::ranks`] was called.
#[derive(Debug)]
pub struct Ranks(Vec<u32>);

impl Ranks {
    /// A sortable form of a key: keys sort as their texts do, part by part.
    pub fn of(&self, key: &Key) -> [u32; MAX_KEY_PARTS] {
        key.0.map(|sym| self.0.get(sym.0 as usize).copied().unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_symbol_and_ranks_follow_the_texts() {
        let ids = Ids::default();
        let (b, a) = (ids.sym("b"), ids.sym("a"));
        assert_eq!(ids.sym("b"), b);
        assert_eq!(&*ids.text(a), "a");
        assert_eq!(ids.sym(""), Sym::NONE);
        let ranks = ids.ranks();
        assert!(ranks.of(&Key::new(&[a])) < ranks.of(&Key::new(&[b])));
        assert!(ranks.of(&Key::default()) < ranks.of(&Key::new(&[a])));
    }
}
