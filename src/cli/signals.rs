//! Ctrl-C and SIGTERM, in every command, also as process 1 of a container, where a signal without a handler is ignored.
//!
//! Most of a command has nothing to finish: a signal ends the process at once. While targets or a forge are talked to, the
//! signal becomes a [`Stop`] instead. The command then ends by itself, and its exit tells the first signal. A second Ctrl-C
//! ends the process all the same. A second SIGTERM, or one after a Ctrl-C, does not: CI systems send both before they kill.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use crate::apply::Exit;
use crate::model::{Signal, Stop};

/// The command was stopped by a signal.
#[derive(Debug, thiserror::Error)]
#[error("stopped by {0} before anything was written; run it again")]
pub(super) struct Stopped(pub Signal);

/// What a signal does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnSignal {
    /// The process ends.
    End,
    /// The stop is requested.
    Stop,
}

/// The process's signals.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    stop: Stop,
    on_signal: Arc<Mutex<OnSignal>>,
}

impl Signals {
    /// Installs the handlers, on a thread of their own: no work of the command delays them.
    pub(super) fn handle() -> Self {
        let signals = Self { stop: Stop::default(), on_signal: Arc::new(Mutex::new(OnSignal::End)) };
        let (installed, is_installed) = mpsc::channel();
        let handler = signals.clone();
        let thread = std::thread::Builder::new().name("signals".to_owned());
        let thread = thread.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            match runtime {
                Ok(runtime) => runtime.block_on(handler.receive(&installed)),
                Err(error) => drop(installed.send(Err(error))),
            }
        });
        // A signal that comes before the handlers are there has its default effect.
        let installed = thread.and_then(|_| is_installed.recv().unwrap_or(Ok(())));
        if let Err(error) = installed {
            tracing::warn!(%error, "signals cannot be handled; Ctrl-C and SIGTERM end the process at once");
        }
        signals
    }

    /// The stop that signals request while [`Self::heed`] runs.
    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Runs work that ends by itself after a stop.
    pub(super) fn heed<T>(&self, work: impl FnOnce() -> T) -> T {
        self.set(OnSignal::Stop);
        let done = work();
        self.set(OnSignal::End);
        done
    }

    /// Runs work that has nothing to finish: it is dropped after a stop.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            signal = self.stop.wait() => Err(Stopped(signal)),
            // A stop may end the work from within, before this future is told of it.
            done = work => self.stop.requested().map_or(Ok(done), |signal| Err(Stopped(signal))),
        }
    }

    fn set(&self, on_signal: OnSignal) {
        *self.on_signal.lock().unwrap_or_else(PoisonError::into_inner) = on_signal;
    }

    /// Takes signals until the process ends.
    async fn receive(&self, installed: &mpsc::Sender<std::io::Result<()>>) {
        let mut source = match Source::new() {
            Ok(source) => source,
            Err(error) => return drop(installed.send(Err(error))),
        };
        let _ = installed.send(Ok(())); // the receiver waits for it
        let mut interrupts = 0_u32;
        loop {
            let signal = source.next().await;
            interrupts += u32::from(signal == Signal::Interrupt);
            // Held until the signal had its effect: the phase cannot change in between.
            let on_signal = self.on_signal.lock().unwrap_or_else(PoisonError::into_inner);
            if *on_signal == OnSignal::End || interrupts > 1 {
                end(self.stop.requested().unwrap_or(signal));
            }
            self.stop.request(signal);
        }
    }
}

fn end(signal: Signal) -> ! {
    std::process::exit(i32::from(Exit::from(signal).code()))
}

/// Where signals come from.
#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

/// Where signals come from.
#[cfg(windows)]
struct Source {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Source {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close};
        Ok(Self { interrupt: ctrl_c()?, close: ctrl_close()? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.close.recv() => Signal::Terminate,
        }
    }
}
