//! The engines of one game on one world thread: as many as its rooms need. Owns their number; budgets are `hillfort-script`'s.

use std::sync::Arc;
use std::time::Duration;

use hillfort_script::{Fault, Instance, Limits, Program, Vm};
use hillfort_sync::Schema;
use hillfort_world::{Ctx, FaultKind, RoomFault};
use rustix::time::{ClockId, clock_gettime};

use super::desk::{self, Desk};
use super::stage::Columns;

/// Costs about 30 ns to read.
pub(super) const CHEAP: ClockId = ClockId::Monotonic;
/// Does not run while the thread waits or others run.
pub(super) const BUSY: ClockId = ClockId::ThreadCPUTime;

pub(super) struct Engines {
    program: Program,
    schema: Option<Arc<Schema>>,
    limits: Limits,
    vms: Vec<Vm>,
}

impl Engines {
    pub(super) const fn new(program: Program, schema: Option<Arc<Schema>>, limits: Limits) -> Self {
        Self { program, schema, limits, vms: Vec::new() }
    }

    /// Bytes in use and steps of the last call, of each engine.
    #[cfg(test)]
    pub(super) fn stats(&self) -> Vec<hillfort_script::Stats> {
        self.vms.iter().map(Vm::stats).collect()
    }

    /// A new instance, on an engine that has a place for it. The script's top level sees `ctx` for its random numbers only.
    pub(super) fn start(&mut self, ctx: &mut Ctx) -> Result<(Vm, Instance), RoomFault> {
        let none = &mut Columns::default();
        for vm in &self.vms {
            match desk::seated(vm, ctx, none, || vm.instance()) {
                Err(Fault::VmFull) => {}
                other => return other.map(|instance| (vm.clone(), instance)).map_err(fault),
            }
        }
        // Engines that were filled once and are empty now are not worth their memory.
        self.vms.retain(|vm| vm.stats().instances > 0);
        let desk = Desk::new(self.schema.clone());
        let vm = Vm::new(&self.program, self.limits, desk, desk::furnish).map_err(fault)?;
        self.vms.push(vm.clone());
        let instance = desk::seated(&vm, ctx, none, || vm.instance()).map_err(fault)?;
        Ok((vm, instance))
    }
}

/// The script's fault as the world knows it.
pub(super) fn fault(fault: Fault) -> RoomFault {
    let kind = match fault {
        Fault::Steps | Fault::Time => FaultKind::Budget,
        Fault::Memory => FaultKind::Memory,
        Fault::Source(_) | Fault::Script(_) | Fault::VmFull => FaultKind::Crashed,
    };
    RoomFault::new(kind, &fault.to_string())
}

pub(super) fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}
