pub(super) const SCHEMAS: &str = ".schemas";
