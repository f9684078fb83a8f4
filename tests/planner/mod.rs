//! The planner's rules (DESIGN sections 4 and 5), each in a world of a few rows, and its promises over random ones.

mod authority;
mod cause;
mod drift;
mod guards;
mod ignore;
mod look_alikes;
mod properties;
mod rules;
mod world;
