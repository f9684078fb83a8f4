//! What the program talks about, whatever the system: ids, keys, rows, values, scopes, changes, secrets, capabilities.
//!
//! Providers turn their manifests and their live answers into these types; the planner and the executor see nothing
//! else. This module imports nothing of ours, performs no I/O and knows no provider.

mod address;
mod alike;
mod capability;
mod change;
mod ids;
mod names;
mod nearest;
mod policy;
mod root;
mod row;
mod scope;
mod secret;
mod stop;
mod sum;
mod target;
mod value;

pub use address::{Address, AddressPattern, AllowedHost, SANDBOX, canonical as canonical_address};
pub use alike::{alike, folded, is_invisible};
pub use capability::{Capabilities, FieldKind, FieldSpec, KeyNames, OnRemove, Pairing, Window};
pub use change::{Action, Batch, Change, Proof, Route, WriteOutcome};
pub use ids::{Ids, Key, MAX_KEY_PARTS, Ranks, Sym};
pub use names::{Handles, NamePlace, NameRef, NameUse};
pub use nearest::closest;
pub use policy::{Ceilings, DeniedGrant, Expect, Ignore, MaxExpect, Mode, Pattern, Protect, TargetPolicy};
pub use root::RootOptions;
pub use row::{Coverage, Coverages, Desired, DesiredSet, Live, LiveInfo, Names, Origin, ReadRequest, Snapshot};
pub use scope::{PartScope, Scope, ScopeIndex};
pub use secret::{ResolveError, SecretRef, SecretResolver, SecretString};
pub use stop::{STOP_GRACE, Signal, Stop};
pub(crate) use sum::sum_fields;
pub use target::{Account, Auth, Endpoint, Limits, Target};
pub use value::{Fields, Instant, Value, number_text};
