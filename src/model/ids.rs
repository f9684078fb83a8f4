//! Interned ids and the natural keys made of them.
//!
//! A run over a million assignments holds every id once; a key is sixteen bytes, copied, compared and hashed as numbers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;

use super::{NameRef, alike};

/// The most parts a natural key has in any system (apis/README.md: Streamline's domain, service, key is three; one is spare).
pub const MAX_KEY_PARTS: usize = 4;

/// An interned id. Equal texts have equal symbols within one [`Ids`]; the order of symbols means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sym(u32);

impl Sym {
    /// "There is no such id", such as the service of a domain's own assignment. It is the symbol of the empty text.
    pub const NONE: Sym = Sym(0);

    /// Set in the symbols of names: where an id is due, they stand for the id that the live listing will give.
    const NAME: u32 = 1 << 31;

    /// Whether this is [`Sym::NONE`].
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether this is a name in place of an id (see [`Ids::named`]). No live row and no request ever has one.
    pub fn is_name(self) -> bool {
        self.0 & Self::NAME != 0
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

    /// Whether any part is a name in place of an id.
    pub fn has_name(&self) -> bool {
        self.0.iter().any(|part| part.is_name())
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

/// The run's table of ids. Shared by reference; texts are never removed, and reading one takes no lock.
#[derive(Debug)]
pub struct Ids {
    texts: boxcar::Vec<Arc<str>>,
    /// Seeded at random for each process, so that no manifest can be written to collide, and a third of the standard hasher's cost.
    by_text: Mutex<HashMap<Arc<str>, Sym, RandomState>>,
    /// The names in place of ids, apart: a run without them pays nothing.
    names: boxcar::Vec<Arc<NameRef>>,
    by_name: Mutex<HashMap<Arc<NameRef>, Sym>>,
}

impl Default for Ids {
    fn default() -> Self {
        let (texts, names) = (boxcar::Vec::new(), boxcar::Vec::new());
        let ids = Self { texts, by_text: Mutex::default(), names, by_name: Mutex::default() };
        ids.sym("");
        ids
    }
}

impl Ids {
    /// The symbol of a text, made if it is new.
    pub fn sym(&self, text: &str) -> Sym {
        let mut by_text = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sym) = by_text.get(text) {
            return *sym;
        }
        let text: Arc<str> = Arc::from(text);
        let sym = Sym(u32::try_from(self.texts.push(Arc::clone(&text))).unwrap_or(u32::MAX));
        by_text.insert(text, sym);
        sym
    }

    /// The text of a symbol, which for a name is the name; empty for a symbol of another table.
    pub fn text(&self, sym: Sym) -> &str {
        match self.name(sym) {
            Some(name) => &name.text,
            None => self.texts.get(sym.0 as usize).map_or("", |text| text),
        }
    }

    /// The symbol of a name in place of an id, made if it is new.
    pub fn named(&self, name: NameRef) -> Sym {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sym) = by_name.get(&name) {
            return *sym;
        }
        let name = Arc::new(name);
        let sym = Sym(Sym::NAME | u32::try_from(self.names.push(Arc::clone(&name))).unwrap_or(u32::MAX));
        by_name.insert(name, sym);
        sym
    }

    /// The name that stands in place of an id; `None` for an id.
    pub fn name(&self, sym: Sym) -> Option<&NameRef> {
        sym.is_name().then(|| self.names.get((sym.0 & !Sym::NAME) as usize))?.map(|name| &**name)
    }

    /// Whether people take two ids for one another ([`alike`]); a name in place of an id is alike to itself alone.
    pub fn alike(&self, a: Sym, b: Sym) -> bool {
        a == b || (!a.is_name() && !b.is_name() && alike(self.text(a), self.text(b)))
    }

    /// Whether two symbols may come to be one id, as far as can be known before the names are resolved: an id and a name may, and two
    /// names of different fields; two names of one field stand for two things.
    pub fn may_meet(&self, a: Sym, b: Sym) -> bool {
        match (self.name(a), self.name(b)) {
            _ if a == b => true,
            (None, None) => false,
            (Some(a), Some(b)) => a.field != b.field,
            _ => true,
        }
    }

    /// The rank of every symbol in the order of the texts, indexed by symbol: sorting a million keys by rank compares numbers.
    pub fn ranks(&self) -> Ranks {
        let mut order: Vec<(usize, &Arc<str>)> = self.texts.iter().collect();
        order.sort_unstable_by_key(|(_, text)| *text);
        let mut ranks = vec![u32::MAX; order.len()];
        for (rank, (sym, _)) in order.into_iter().enumerate() {
            if let Some(slot) = ranks.get_mut(sym) {
                *slot = u32::try_from(rank).unwrap_or(u32::MAX);
            }
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_symbol_and_ranks_follow_the_texts() {
        let ids = Ids::default();
        let (b, a) = (ids.sym("b"), ids.sym("a"));
        assert_eq!(ids.sym("b"), b);
        assert_eq!(ids.text(a), "a");
        assert_eq!(ids.sym(""), Sym::NONE);
        let ranks = ids.ranks();
        assert!(ranks.of(&Key::new(&[a])) < ranks.of(&Key::new(&[b])));
        assert!(ranks.of(&Key::default()) < ranks.of(&Key::new(&[a])));
    }

    #[test]
    fn a_symbol_has_its_text_at_once_whoever_made_it() {
        let ids = Ids::default();
        let text = |n: u32| format!("id-{n}");
        let make = || (0..2_000).map(text).map(|text| (ids.sym(&text), text)).collect::<Vec<_>>();
        let check = |(sym, text): &(Sym, String)| assert_eq!(ids.text(*sym), text);
        let made = std::thread::scope(|scope| {
            let both = [(); 2].map(|()| scope.spawn(|| make().into_iter().inspect(check).collect::<Vec<_>>()));
            both.map(|thread| thread.join().unwrap())
        });
        assert_eq!(made[0], made[1], "one symbol a text");
        let ranks = ids.ranks();
        let distinct: std::collections::BTreeSet<_> =
            made[0].iter().map(|(sym, _)| ranks.of(&Key::new(&[*sym]))).collect();
        assert_eq!(distinct.len(), 2_000);
    }

    #[test]
    fn a_name_is_never_an_id_of_the_same_text() {
        let ids = Ids::default();
        let name = |field, text: &str| ids.named(NameRef { field, within: None, text: text.into() });
        let (id, email, other) = (ids.sym("a"), name("email", "a"), name("email", "b"));
        assert_eq!(name("email", "a"), email);
        assert!(id != email && email.is_name() && !id.is_name() && !Sym::NONE.is_name());
        assert_eq!((ids.text(email), ids.name(id)), ("a", None));
        assert!(ids.may_meet(id, email) && ids.may_meet(email, name("phone", "b")) && !ids.may_meet(email, other));
        assert!(Key::new(&[id, email]).has_name() && !Key::new(&[id]).has_name());
    }
}
