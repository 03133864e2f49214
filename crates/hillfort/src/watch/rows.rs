//! Edge's and realm's own types into the console's rows. Knows nothing of how they are fetched.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use hillfort_edge::{BanList, Player};
use hillfort_guard::Cause;
use hillfort_proto::reject::Reject;
use hillfort_realm::{Snapshot, WorldSnapshot};

use crate::console::{PlayerRow, Posture, Quantiles, ROWS_MAX, Rejects, RoomRow, Step, StepRow, World};

/// How the guard sees the moment.
pub(super) const fn posture(posture: hillfort_guard::Posture) -> Posture {
    match posture {
        hillfort_guard::Posture::Calm => Posture::Calm,
        hillfort_guard::Posture::Attack => Posture::Attack,
    }
}

/// What its rules in dry run would have refused.
pub(super) fn would_refuse(guard: &hillfort_guard::Stats) -> Rejects {
    let mut rejects = Rejects::default();
    rejects.add(Reject::Region, guard.regions_dry);
    rejects.add(Reject::Fingerprint, guard.fingerprints_dry);
    rejects
}

/// Addresses at each step now.
pub(super) fn steps(edge: &hillfort_edge::Snapshot) -> [u64; Step::ALL.len()] {
    let mut steps = [0; Step::ALL.len()];
    steps[Step::Ban as usize] = edge.bans;
    steps
}

/// Bans as steps, newest first. `reasons` are what people typed.
pub(super) fn bans(list: BanList, reasons: &VecDeque<(IpAddr, String)>) -> Vec<StepRow> {
    let BanList { now, mut bans } = list;
    bans.sort_by_key(|ban| std::cmp::Reverse(ban.last));
    bans.truncate(ROWS_MAX);
    bans.into_iter()
        .map(|ban| {
            let typed = reasons.iter().find(|(address, _)| *address == ban.addr).map(|(_, reason)| reason.clone());
            let (stage, reason, evidence) = match ban.cause {
                Cause::Offence(reject) => {
                    let span = ban.last.since(ban.first).as_secs_f64();
                    let evidence = format!("{} offences in {span:.1} s, over completed connections", ban.count);
                    (reject.stage().label(), reject.label().to_owned(), evidence)
                }
                Cause::Operator => ("operator", typed.unwrap_or_else(|| "operator".to_owned()), "made in the console".to_owned()),
            };
            StepRow {
                address: ban.addr,
                step: Step::Ban,
                stage,
                reason,
                evidence,
                count: u64::from(ban.count),
                seen_ms_ago: [ban.first, ban.last].map(|at| millis(now.since(at))),
                expires_in_ms: millis(ban.until.since(now)),
                liftable: true,
            }
        })
        .collect()
}

/// Players, worst latency first.
pub(super) fn players(mut players: Vec<Player>) -> Vec<PlayerRow> {
    players.sort_by_key(|player| std::cmp::Reverse(player.rtt_us));
    players
        .into_iter()
        .map(|player| PlayerRow {
            session: player.session.to_string(),
            name: player.name,
            address: player.peer.map(|peer| peer.ip()),
            room: player.room.map(|room| room.to_string()),
            latency_us: player.rtt_us.map(u64::from),
        })
        .collect()
}

/// Rooms, fullest first.
pub(super) fn rooms(realm: &Snapshot) -> Vec<RoomRow> {
    let mut rows: Vec<RoomRow> = realm
        .worlds
        .iter()
        .flat_map(|world| world.rooms.iter().map(move |room| (world.world, room)))
        .map(|(world, room)| RoomRow {
            id: room.id.to_string(),
            game: room.game.to_string(),
            world,
            seats: u32::from(room.players),
            seats_max: u32::from(room.seats_max),
            hz: room.rate_hz,
            tick: room.tick,
            tick_us_p99: micros(room.tick_time.p99),
            inputs_lost: room.inputs_lost,
        })
        .collect();
    rows.sort_by_key(|room| std::cmp::Reverse(room.seats));
    rows.truncate(ROWS_MAX);
    rows
}

/// One world thread.
pub(super) fn world(world: &WorldSnapshot) -> World {
    World {
        ticks: world.totals.ticks,
        skipped: world.totals.ticks_missed,
        tick_us: Quantiles { p50: micros(world.tick.p50), p99: micros(world.tick.p99) },
        late_us: Quantiles { p50: micros(world.lateness.p50), p99: micros(world.lateness.p99) },
        rooms: u64::from(world.rooms_open),
        seats: u64::from(world.players),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
