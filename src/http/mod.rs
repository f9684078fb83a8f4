//! The HTTP client: one per target. It signs in, keeps the limits, waits and retries, reads bodies whole, and shows no secret.
//!
//! It knows requests, answers and errors; it knows no provider, no manifest and no plan, and imports nothing of ours but `model`.
//!
//! What the environment decides, through the libraries below: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` (never for loopback), and on
//! Linux `SSL_CERT_FILE` and `SSL_CERT_DIR`, which replace the system's certificate authorities. `Config::extra_roots` adds to them.

mod answer;
mod client;
mod clock;
mod config;
mod error;
mod gate;
mod hosts;
mod pace;
mod redact;
mod request;
mod token;
mod trail;
mod wire;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use client::Client;
pub use clock::ServerTime;
pub use config::{Config, SignIn, USER_AGENT};
pub use error::HttpError;
pub use hosts::HostPolicy;
pub use request::{Path, Request, Safety};
pub use token::{NoToken, Token, TokenBody, TokenExchange, TokenRequest, TokenUrl};
pub use trail::with_request_ids;
