//! One integration binary: linking is the slow part.

mod render;
