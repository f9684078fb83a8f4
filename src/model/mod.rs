//! What the program talks about, whatever the system: ids, keys, rows, values, scopes, changes, secrets, capabilities.
//!
//! Providers turn their manifests and their live answers into these types; the planner and the executor see nothing
//! else. This module imports nothing of ours, performs no I/O and knows no provider.

mod capability;
mod change;
mod ids;
mod json;
mod names;
mod policy;
mod root;
mod row;
mod scope;
mod secret;
mod stop;
mod sum;
mod target;
mod value;

pub use capability::{Capabilities, FieldKind, FieldSpec, KeyNames, OnRemove, Pairing, Window};
pub use change::{Action, Batch, Change, Proof, Route, WriteOutcome};
pub use ids::{Ids, Key, MAX_KEY_PARTS, Ranks, Sym};
pub use json::{Json, JsonFault, MASKED, is_reserved, number_text};
pub use names::{Handles, NamePlace, NameRef, NameUse};
pub use policy::{Ceilings, DeniedGrant, Expect, Ignore, MaxExpect, Mode, Pattern, Protect, TargetPolicy};
pub use root::RootOptions;
pub use row::{Coverage, Coverages, Desired, DesiredSet, Live, LiveInfo, Names, Origin, ReadRequest, Snapshot};
pub use scope::{PartScope, Scope, ScopeIndex};
pub use secret::{ResolveError, SecretRef, SecretResolver, SecretString};
pub use stop::{STOP_GRACE, Signal, Stop};
pub(crate) use sum::sum_fields;
pub use target::{Account, Auth, Endpoint, Limits, Target};
pub use value::{Fields, Instant, Value};
