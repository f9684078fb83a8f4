//! A target on a sandbox of its own, addressed in short texts: keys as `a/b/c`, scopes as lists of ids.

use std::collections::BTreeSet;
use std::sync::Arc;

use assignctl::http::{Client, SignIn};
use assignctl::model::{
    Action, Change, Desired, Fields, Ids, Key, Live, Origin, PartScope, ReadRequest, Scope, SecretResolver, Snapshot,
    Sym, Target, Value, WriteOutcome,
};
use assignctl::provider::{Connection, ReadError};
use assignctl::sandbox::Running;

use super::{Names, Side, client};

/// A provider's `connect`.
type Connect = fn(&Target, Client, Arc<Ids>, Arc<dyn SecretResolver>) -> Connection;

pub(super) struct Account {
    pub(super) sandbox: Running,
    pub(super) side: Side,
}

impl Account {
    pub(super) fn of(sandbox: Running, target: &Target, sign_in: SignIn, connect: Connect) -> Self {
        let ids = Arc::new(Ids::default());
        let connection = connect(target, client(target, &sandbox, sign_in), Arc::clone(&ids), Arc::new(Names));
        Self { sandbox, side: Side { target: target.clone(), connection, ids } }
    }

    pub(super) fn fault(&self, text: &str) {
        self.sandbox.add_fault(text.parse().unwrap());
    }

    /// Method and path of what was asked since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        let lines = self.sandbox.requests().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
        self.sandbox.clear_requests();
        lines
    }

    /// A key from `a/b/c`; an empty part is none.
    pub(super) fn key(&self, key: &str) -> Key {
        self.side.key(&key.split('/').collect::<Vec<_>>())
    }

    pub(super) fn key_text(&self, key: &Key, parts: usize) -> String {
        (0..parts).map(|part| self.side.ids.text(key.part(part)).to_string()).collect::<Vec<_>>().join("/")
    }

    /// Parts as lists of ids; an empty list is "any".
    pub(super) fn scope(&self, parts: &[&[&str]]) -> Scope {
        let mut scope = Scope::default();
        for (slot, ids) in scope.parts.iter_mut().zip(parts) {
            if !ids.is_empty() {
                *slot = PartScope::In(ids.iter().map(|id| self.side.ids.sym(id)).collect::<BTreeSet<Sym>>());
            }
        }
        scope
    }

    pub(super) async fn try_read(&self, scopes: Vec<Scope>, keys: &[&str]) -> Result<Snapshot, ReadError> {
        let declared =
            |key: &&str| Desired { key: self.key(key), fields: Fields::default(), origin: Origin::default() };
        let declared: Vec<Desired> = keys.iter().map(declared).collect();
        self.side.connection.reader.read(&ReadRequest { scopes, rows: vec![&declared], names: false }).await
    }

    pub(super) async fn read(&self, scopes: Vec<Scope>, keys: &[&str]) -> Snapshot {
        self.try_read(scopes, keys).await.unwrap()
    }

    pub(super) fn change(
        &self,
        action: Action,
        key: &str,
        desired: Vec<(&'static str, Value)>,
        live: Option<Live>,
    ) -> Change {
        Change { action, key: self.key(key), from_key: None, live, desired: Fields::new(desired), differs: Vec::new() }
    }

    pub(super) async fn write(&self, changes: &[Change]) -> Vec<WriteOutcome> {
        let outcomes = self.side.write(changes.len(), changes).await;
        assert_eq!(outcomes.len(), changes.len());
        outcomes
    }
}
