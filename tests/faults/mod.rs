//! Proof that nothing is lost and nothing doubled, whatever breaks: the fault matrix, random worlds with random faults, kills, and hostile
//! bytes. The embedded server plays the four systems and goes wrong on purpose.

mod drive;
mod entries;
mod hostile;
mod interleavings;
mod kill;
mod matrix;
mod random;
mod routes;
mod state;
mod worlds;
