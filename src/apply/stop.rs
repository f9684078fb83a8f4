//! The cooperative interrupt: the command line flips it on Ctrl-C, the executor looks at it before every send.

use std::sync::Arc;

use tokio::sync::watch;

/// A request to stop sending. Clones share one state; it cannot be taken back.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks for the stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is asked for.
    pub async fn wait(&self) {
        // The sender lives in `self`, so waiting can only end by a request.
        let _ = self.0.subscribe().wait_for(|requested| *requested).await;
    }
}
