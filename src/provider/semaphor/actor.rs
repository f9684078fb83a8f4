//! Who an assignment is for: the scope types and the actor field that each requires (apis/semaphor.md: Create).

/// The parts of an assignment's key, by index: definition, scope type, actor.
pub(super) const DEFINITION: usize = 0;
/// See [`DEFINITION`].
pub(super) const SCOPE_TYPE: usize = 1;
/// See [`DEFINITION`].
pub(super) const ACTOR: usize = 2;

/// Scope types with their actor field.
const SCOPE_TYPES: [(&str, Option<&str>); 4] = [
    ("ALL_TENANTS", None),
    ("TENANT", Some("tenantId")),
    ("TENANT_USER", Some("tenantUserId")),
    ("ORG_USER", Some("orgUserId")),
];

/// The actor field that a scope type requires; the outer `None`: there is no such scope type.
pub(super) fn field_of(scope_type: &str) -> Option<Option<&'static str>> {
    SCOPE_TYPES.iter().find(|(name, _)| *name == scope_type).map(|(_, field)| *field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_type_requires_its_own_actor() {
        assert_eq!(field_of("ALL_TENANTS"), Some(None));
        assert_eq!(field_of("TENANT"), Some(Some("tenantId")));
        assert_eq!(field_of("TENANT_USER"), Some(Some("tenantUserId")));
        assert_eq!(field_of("ORG_USER"), Some(Some("orgUserId")));
        assert_eq!(field_of("tenant"), None);
    }
}
