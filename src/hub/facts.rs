//! The facts of the process that expressions see under `server`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::{Facts, Stamp};

use super::{Hub, wall};

/// The machine's figures.
pub(super) struct Machine {
    system: Mutex<sysinfo::System>,
    /// The second of the last look.
    looked: AtomicU64,
    /// The bits of a double, as `memory`.
    cpu: AtomicU64,
    memory: AtomicU64,
}

impl Machine {
    pub(super) fn new() -> anyhow::Result<Machine> {
        Ok(Machine {
            system: Mutex::new(sysinfo::System::new()?),
            looked: AtomicU64::new(0),
            cpu: AtomicU64::new(0),
            memory: AtomicU64::new(0),
        })
    }

    /// Percent of the processors and of the memory in use, looked at once a second at most.
    fn figures(&self, second: u64) -> (f64, f64) {
        let looked = self.looked.load(Ordering::Relaxed);
        let is_mine = looked < second
            && self
                .looked
                .compare_exchange(looked, second, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_mine {
            let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
            system.refresh_cpu_usage();
            system.refresh_memory();
            let memory = system.used_memory() as f64 / system.total_memory().max(1) as f64 * 100.0;
            let cpu = f64::from(system.global_cpu_usage());
            self.cpu.store(cpu.to_bits(), Ordering::Relaxed);
            self.memory.store(memory.to_bits(), Ordering::Relaxed);
        }
        let figure = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        (figure(&self.cpu), figure(&self.memory))
    }
}

impl Hub {
    pub(super) fn asks_server(&self) -> bool {
        self.0.asks_server.load(Ordering::Relaxed)
    }

    pub(super) fn facts(&self) -> Facts {
        if !self.asks_server() {
            return Facts::default();
        }
        let metrics = &self.0.metrics;
        let uptime = self.0.started.elapsed();
        let (cpu, memory) = self.0.machine.figures(uptime.as_secs() + 1);
        Facts {
            connections: u64::try_from(metrics.open.get()).unwrap_or(0),
            sent: metrics.sent.get(),
            received: metrics.received.get(),
            uptime: uptime.as_secs_f64(),
            cpu,
            memory,
        }
    }
}

/// Taken under the lock, so that the moments of inputs are in their order.
pub(super) fn stamp(facts: Facts) -> Stamp {
    let wall = wall();
    Stamp { wall, facts }
}
