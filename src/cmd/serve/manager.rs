//! What the service manager is told (`sd_notify(3)`): nothing where there is none.

use sd_notify::NotifyState;

/// Connections are accepted from now on, or soon no more.
pub fn tell(ready: bool) {
    let state = match ready {
        true => NotifyState::Ready,
        false => NotifyState::Stopping,
    };
    send(&[state]);
    if let Some(every) = sd_notify::watchdog_enabled().filter(|_| ready) {
        tokio::spawn(async move {
            loop {
                send(&[NotifyState::Watchdog]);
                tokio::time::sleep(every / 2).await;
            }
        });
    }
}

/// The files were read again; the manager may wait for this (`Type=notify-reload`).
pub fn reloaded() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
    send(&[NotifyState::Ready]);
}

/// A manager that does not listen is no reason to stop.
fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::info!("NOTIFY_SOCKET: {error}");
    }
}
