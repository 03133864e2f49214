//! Edge's and realm's own types into the console's rows. Knows nothing of how they are fetched.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hillfort_edge::{LadderView, Player, StepList};
use hillfort_guard::{Cause, InForce, Place, TopSource};
use hillfort_proto::reject::Reject;
use hillfort_proto::time::Time;
use hillfort_realm::{Snapshot, WorldSnapshot};
use hillfort_social::RefreshStats;
use hillfort_store::WriteBehind;

use crate::console::{
    AddressView, Behind, KnownPlayers, PlayerRow, Posture, Quantiles, ROWS_MAX, Refreshes, Rejects, RoomRow, Step, StepRow,
    TOP_MAX, Talker, Top, World,
};

/// How the guard sees the moment.
pub(super) const fn posture(posture: hillfort_guard::Posture) -> Posture {
    match posture {
        hillfort_guard::Posture::Calm => Posture::Calm,
        hillfort_guard::Posture::Attack => Posture::Attack,
    }
}

/// What it has done for players who have played here.
pub(super) const fn known(guard: &hillfort_guard::Stats) -> KnownPlayers {
    KnownPlayers {
        bans_spared: guard.bans_spared,
        tickets_given: guard.tickets_given,
        tickets_good: guard.tickets_good,
        tickets_revoked: guard.tickets_revoked,
    }
}

/// What became of refresh tokens.
pub(super) fn behind(objects: &WriteBehind) -> Behind {
    Behind { waiting: objects.waiting(), refused: objects.refused() }
}

pub(super) fn refreshes(stats: &RefreshStats) -> Refreshes {
    Refreshes { given: stats.given.load(Relaxed), again: stats.again.load(Relaxed), reused: stats.reused.load(Relaxed) }
}

/// What its rules in dry run would have refused.
pub(super) fn would_refuse(guard: &hillfort_guard::Stats) -> Rejects {
    let mut rejects = Rejects::default();
    rejects.add(Reject::Region, guard.regions_dry);
    rejects.add(Reject::Fingerprint, guard.fingerprints_dry);
    rejects
}

/// What is done to whom: a row for each address, newest first, and how many addresses bear each step. `reasons` are what people typed.
pub(super) fn steps(list: StepList, reasons: &VecDeque<(IpAddr, String)>) -> (Vec<StepRow>, [u64; Step::ALL.len()]) {
    let StepList { now, mut steps } = list;
    let mut counts = [0; Step::ALL.len()];
    for step in &steps {
        counts[step_of(step.step) as usize] += 1;
    }
    steps.sort_by_key(|step| std::cmp::Reverse(step.last));
    steps.truncate(ROWS_MAX);
    (steps.into_iter().map(|step| row(now, &step, reasons)).collect(), counts)
}

fn row(now: Time, step: &InForce, reasons: &VecDeque<(IpAddr, String)>) -> StepRow {
    let typed = reasons.iter().find(|(address, _)| *address == step.addr).map(|(_, reason)| reason.clone());
    let (reason, evidence) = match step.cause {
        Cause::Offence(reject) => {
            let span = step.last.since(step.first).as_secs_f64();
            let offences =
                if step.count == 1 { "1 offence".to_owned() } else { format!("{} offences in {span:.1} s", step.count) };
            (reject.label().to_owned(), format!("{offences}, over completed connections"))
        }
        Cause::Operator => (typed.unwrap_or_else(|| "operator".to_owned()), "made in the console".to_owned()),
    };
    StepRow {
        address: step.addr,
        step: step_of(step.step),
        stage: step.stage(),
        reason,
        evidence,
        count: u64::from(step.count),
        seen_ms_ago: [step.first, step.last].map(|at| millis(now.since(at))),
        expires_in_ms: millis(step.until.since(now)),
        liftable: true,
    }
}

/// All that is known of an address.
pub(super) fn address(address: IpAddr, view: &LadderView, reasons: &VecDeque<(IpAddr, String)>) -> AddressView {
    let LadderView { now, steps, reputation, place } = view;
    AddressView {
        address: steps.first().map_or(address, |step| step.addr),
        score: reputation.score,
        points: [reputation.points, reputation.points_max],
        bans_before: reputation.repeats,
        known: reputation.known,
        accounts: reputation.accounts,
        place: (*place != Place::default()).then(|| format!("AS{} {}", place.asn, place.country.as_str())),
        reasons: reputation.reasons.iter().map(|reason| (reason.reject.label(), reason.count, reason.points)).collect(),
        steps: steps.iter().map(|step| row(*now, step, reasons)).collect(),
    }
}

const fn step_of(step: hillfort_guard::Step) -> Step {
    match step {
        hillfort_guard::Step::Slow => Step::SlowDown,
        hillfort_guard::Step::Fingerprint => Step::Fingerprint,
        hillfort_guard::Step::Challenge => Step::Challenge,
        hillfort_guard::Step::Ban => Step::Ban,
    }
}

/// Sources that the guard counts.
pub(super) fn talkers(sources: Vec<TopSource>) -> Vec<Talker> {
    let talker = |source: TopSource| Talker {
        name: source.addr.to_string(),
        attempts: u64::from(source.events),
        refused: Some(u64::from(source.refused)),
    };
    sources.into_iter().map(talker).collect()
}

/// Who knocks most by both counts: the kernel filter sees more of a flood, the guard knows what it refused.
pub(super) fn top(kernel: Option<Top>, guard: &[Talker]) -> Top {
    let kernel = kernel.unwrap_or_default();
    let mut sources = kernel.sources.unwrap_or_default();
    for talker in guard {
        match sources.iter_mut().find(|known| known.name == talker.name) {
            Some(known) => *known = Talker { attempts: known.attempts.max(talker.attempts), ..talker.clone() },
            None => sources.push(talker.clone()),
        }
    }
    sources.sort_by_key(|talker| std::cmp::Reverse(talker.attempts));
    sources.truncate(TOP_MAX);
    Top { sources: Some(sources), ..kernel }
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
        asleep: u64::from(world.rooms_asleep),
        overload: u64::from(world.overload.number()),
        overload_changes: world.totals.overload_changes,
        cost_ns: world.cost_ns,
        thinned: world.totals.states_thinned,
        slowed: u64::from(world.rooms_slowed),
        scene_packets: world.totals.scene_packets,
        scene_bytes: world.totals.scene_bytes,
        scene_records: world.totals.scene_records,
        scene_held: world.totals.scene_held,
        scene_waiting: world.totals.scene_waiting,
        saved: world.totals.saves,
        saved_late: world.totals.saves_late,
        moved: world.totals.rooms_moved,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use hillfort_realm::Totals;
    use hillfort_world::Overload;

    use super::*;

    fn talker(name: &str, attempts: u64, refused: Option<u64>) -> Talker {
        Talker { name: name.into(), attempts, refused }
    }

    #[test]
    fn what_a_thread_gives_up_reaches_the_page() {
        let totals = Totals {
            overload_changes: 1,
            states_thinned: 2,
            scene_packets: 3,
            scene_bytes: 4,
            scene_records: 5,
            scene_held: 6,
            scene_waiting: 7,
            ..Totals::default()
        };
        let world = world(&WorldSnapshot { overload: Overload::Slower, rooms_slowed: 8, totals, ..WorldSnapshot::default() });
        let scene = [world.scene_packets, world.scene_bytes, world.scene_records, world.scene_held, world.scene_waiting];
        assert_eq!((world.overload, world.overload_changes, world.thinned, world.slowed, scene), (2, 1, 2, 8, [3, 4, 5, 6, 7]));
    }

    #[test]
    fn both_counts_of_who_knocks_most_are_one_list() {
        let check = |kernel: Option<&[Talker]>, guard: &[Talker], expect: &[Talker]| {
            let kernel = kernel.map(|sources| Top { sources: Some(sources.to_vec()), ..Top::default() });
            assert_eq!(top(kernel, guard).sources.as_deref(), Some(expect));
        };
        let (seen, judged) = (talker("192.0.2.1", 90, None), talker("192.0.2.1", 20, Some(15)));
        let other = talker("192.0.2.2", 40, Some(1));
        check(None, &[], &[]);
        check(None, &[judged.clone(), other.clone()], &[other.clone(), judged.clone()]);
        check(Some(std::slice::from_ref(&seen)), &[], std::slice::from_ref(&seen));
        check(Some(&[seen]), &[judged, other.clone()], &[talker("192.0.2.1", 90, Some(15)), other]);
        let many: Vec<Talker> = (0..20).map(|n| talker(&n.to_string(), 100 - n, None)).collect();
        check(Some(&many), &[], &many[..TOP_MAX]);
    }

    #[test]
    fn a_step_says_why_since_when_and_how_long() {
        let at = |s: u64| Time::ZERO + Duration::from_secs(s);
        let step = InForce {
            addr: [192, 0, 2, 1].into(),
            step: hillfort_guard::Step::Challenge,
            cause: Cause::Offence(Reject::HelloMac),
            count: 40,
            first: at(10),
            last: at(15),
            until: at(50),
            strangers_only: false,
        };
        let banned = InForce { step: hillfort_guard::Step::Ban, cause: Cause::Operator, last: at(18), ..step };
        let reasons = VecDeque::from([(banned.addr, "rude".to_owned())]);
        let (rows, counts) = steps(StepList { now: at(20), steps: vec![step, banned] }, &reasons);
        assert_eq!(counts, [0, 0, 1, 1]);
        assert_eq!(
            (rows[0].step, rows[0].reason.as_str(), rows[0].evidence.as_str()),
            (Step::Ban, "rude", "made in the console")
        );
        let challenged = &rows[1];
        assert_eq!((challenged.step, challenged.stage, challenged.reason.as_str()), (Step::Challenge, "login", "hello_mac"));
        assert_eq!(challenged.evidence, "40 offences in 5.0 s, over completed connections");
        assert_eq!((challenged.count, challenged.seen_ms_ago, challenged.expires_in_ms), (40, [10_000, 5_000], 30_000));
    }
}
