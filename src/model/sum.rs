//! Sums of counters, field by field.

/// Lets values of a struct of numbers be summed. A field that is left out does not compile.
macro_rules! sum_fields {
    ($type:ident: $($field:ident),+) => {
        impl std::iter::Sum for $type {
            fn sum<I: Iterator<Item = $type>>(all: I) -> $type {
                all.fold($type::default(), |a, b| $type { $($field: a.$field + b.$field),+ })
            }
        }
    };
}

pub(crate) use sum_fields;
