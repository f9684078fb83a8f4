//! The state of the four APIs together: from a seed or from the file, and back to a seed.
//!
//! Knows how each API is restored and dumped; knows no HTTP.

use super::{
    SandboxError,
    canopy::Canopy,
    partium::Partium,
    seed::Seed,
    semaphor::Semaphor,
    store::{Contents, Op},
    streamline::Streamline,
    time::Instant,
};

/// All live state.
#[derive(Clone)]
pub(super) struct World {
    pub partium: Partium,
    pub streamline: Streamline,
    pub semaphor: Semaphor,
    pub canopy: Canopy,
}

impl World {
    /// The state that a seed describes, and the writes that keep it.
    pub(super) fn from_seed(seed: &Seed, now: Instant) -> Result<(Self, Vec<Op>), SandboxError> {
        let mut world = Self::from_catalogue(seed);
        let mut ops = vec![Op::Meta { name: "catalogue", value: catalogue(seed)? }];
        let refused = |message: String| SandboxError::Seed { message };
        world.partium.seed(&seed.partium, &mut ops).map_err(refused)?;
        world.streamline.seed(&seed.streamline, &mut ops).map_err(refused)?;
        world.semaphor.seed(&seed.semaphor, now, &mut ops).map_err(refused)?;
        world.canopy.seed(&seed.canopy, now, &mut ops).map_err(refused)?;
        Ok((world, ops))
    }

    /// The state that a file held.
    pub(super) fn restore(contents: Contents) -> Result<Self, SandboxError> {
        let catalogue = contents.catalogue.unwrap_or_default();
        let seed: Seed = serde_json::from_slice(&catalogue).map_err(|error| damaged("its catalogue", &error))?;
        let mut world = Self::from_catalogue(&seed);
        if let Some(status) = contents.status {
            world.partium.restore_status(&status).map_err(|error| damaged("Partium's status", &error))?;
        }
        let rows =
            contents.rows.iter().flat_map(|(api, rows)| rows.iter().map(move |(number, row)| (api, number, row)));
        for (api, number, row) in rows {
            let read = match api.as_str() {
                "partium" => world.partium.restore(*number, row),
                "streamline" => world.streamline.restore(*number, row),
                "semaphor" => world.semaphor.restore(*number, row),
                _ => world.canopy.restore(*number, row),
            };
            read.map_err(|error| damaged(&format!("{api} row {number}"), &error))?;
        }
        for (api, number) in contents.next {
            let next = match api.as_str() {
                "partium" => &mut world.partium.next,
                "streamline" => &mut world.streamline.next,
                "semaphor" => &mut world.semaphor.next,
                _ => &mut world.canopy.next,
            };
            *next = number.max(*next);
        }
        Ok(world)
    }

    /// The live state in the seed format.
    pub(super) fn dump(&self) -> Seed {
        Seed {
            auth: super::seed::AuthSeed::default(),
            partium: self.partium.dump(),
            streamline: self.streamline.dump(),
            semaphor: self.semaphor.dump(),
            canopy: self.canopy.dump(),
        }
    }

    fn from_catalogue(seed: &Seed) -> Self {
        Self {
            partium: Partium::new(&seed.partium),
            streamline: Streamline::new(&seed.streamline),
            semaphor: Semaphor::new(&seed.semaphor),
            canopy: Canopy::new(&seed.canopy),
        }
    }
}

/// What a seed says besides rows: it never changes, and is stored once. Credentials are left out: [`Seed`] does not
/// write its `auth`, and an environment's key comes from the caller at every start.
fn catalogue(seed: &Seed) -> Result<Vec<u8>, SandboxError> {
    let mut seed = seed.clone();
    seed.partium.assignments.clear();
    seed.streamline.assignments.clear();
    seed.semaphor.assignments.clear();
    seed.canopy.assignments.clear();
    for domain in seed.streamline.clients.iter_mut().flatten().flat_map(|client| client.domains.iter_mut().flatten()) {
        domain.assignments.clear();
        domain.services.iter_mut().flatten().for_each(|service| service.assignments.clear());
    }
    seed.semaphor.projects.iter_mut().flatten().for_each(|project| project.assignments.clear());
    seed.canopy.environments.iter_mut().flatten().for_each(|environment| {
        environment.assignments.clear();
        environment.api_key = None;
    });
    serde_json::to_vec(&seed).map_err(|error| SandboxError::Seed { message: error.to_string() })
}

fn damaged(what: &str, error: &serde_json::Error) -> SandboxError {
    SandboxError::StateDamaged { what: what.to_owned(), message: error.to_string() }
}
