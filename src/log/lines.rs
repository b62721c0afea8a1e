//! For tests: what a format makes of what is logged.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::{self, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Kept;

    fn make_writer(&'a self) -> Kept {
        self.clone()
    }
}

/// The lines that `log` gives.
pub(super) fn lines<F>(format: F, color: bool, log: impl FnOnce()) -> String
where
    F: FormatEvent<Registry, F> + for<'w> FormatFields<'w> + Copy + Send + Sync + 'static,
{
    let kept = Kept::default();
    let layer = fmt::layer()
        .with_writer(kept.clone())
        .with_ansi(color)
        .fmt_fields(format)
        .event_format(format);
    tracing::subscriber::with_default(Registry::default().with(layer), log);
    String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
}
