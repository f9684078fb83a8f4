//! The planner's rules (DESIGN sections 4 and 5), each in a world of a few rows, and its promises over random ones.

mod guards;
mod properties;
mod rules;
mod world;
