//! Who finds room, who waits for it, who gives way, and when.

use super::*;

const MOST: usize = 1 << 20;
const SHORT: usize = MOST / SHORT_PART;
const LONG: usize = MOST - SHORT;
const SHARE: usize = MOST / SHARE_PART;
const AT_ONCE: Duration = Duration::ZERO;
/// Longer than a busy machine holds a test up.
const PATIENT: Duration = Duration::from_secs(60);

/// A connection by its number, and what it holds until it is ended.
type Connection = (usize, Option<Hold>);

/// Connections that are open, or were.
#[derive(Default, Clone)]
struct Open(Arc<Mutex<Vec<Connection>>>);

impl Open {
    /// One waits for its peer since `since`.
    fn wait(&self, number: usize, mut hold: Hold, since: Instant) {
        let open = self.clone();
        let end = move || {
            let held = open.0.lock().unwrap().iter_mut().find(|(other, _)| *other == number).and_then(|(_, hold)| hold.take());
            drop(held.expect("each is ended once"));
        };
        hold.wait(since, Some(Line::new(end)));
        self.0.lock().unwrap().push((number, Some(hold)));
    }

    fn progress(&self, number: usize, now: Instant) {
        let mut open = self.0.lock().unwrap();
        open.iter_mut().find(|(other, _)| *other == number).and_then(|(_, hold)| hold.as_mut()).unwrap().progress(now);
    }

    fn ended(&self) -> Vec<usize> {
        self.0.lock().unwrap().iter().filter(|(_, hold)| hold.is_none()).map(|(number, _)| *number).collect()
    }
}

async fn take(holds: &Holds, source: u64, bytes: usize) -> Result<Hold, Code> {
    holds.take(source, bytes, For::Begin, AT_ONCE).await.map_err(|refused| refused.code)
}

/// Nothing is held, and all of it can be had again.
async fn check_all_is_free(holds: &Holds) {
    assert!(holds.is_empty());
    assert_eq!((holds.short.room.available_permits(), holds.long.room.available_permits()), (SHORT, LONG));
    drop((take(holds, 1, LONG).await.unwrap(), take(holds, 1, SHORT_BYTES_MAX).await.unwrap()));
}

/// Waiting for it would keep all others out, and it could never have it.
#[tokio::test]
async fn what_is_longer_than_all_room_is_refused_at_once() {
    let holds = Holds::new(MOST);
    for why in [For::Begin, For::Done] {
        let refused = holds.take(1, LONG + 1, why, PATIENT).await.unwrap_err();
        assert_eq!(refused.code, Code::ResourceExhausted, "{refused}");
    }
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn the_sum_is_bounded_and_what_ends_makes_room() {
    let holds = Holds::new(MOST);
    let mut held = Vec::new();
    for source in 0..(LONG / SHARE) as u64 {
        held.push(take(&holds, source, SHARE).await.unwrap());
    }
    assert_eq!(take(&holds, 99, SHORT_BYTES_MAX + 1).await.unwrap_err(), Code::Unavailable);
    for source in 0..(SHORT / SHORT_BYTES_MAX) as u64 {
        held.push(take(&holds, source, SHORT_BYTES_MAX).await.expect("short ones have room of their own"));
    }
    assert_eq!(take(&holds, 99, 1).await.unwrap_err(), Code::Unavailable, "nobody waits for its peer, so nobody can be ended");
    held.pop();
    assert_eq!(take(&holds, 99, SHORT_BYTES_MAX).await.unwrap().bytes(), SHORT_BYTES_MAX);
    drop(held);
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn one_address_has_a_share_of_each_kind_and_always_one() {
    let holds = Holds::new(MOST);
    let (one, two) =
        (take(&holds, 1, SHARE - SHORT_BYTES_MAX - 1).await.unwrap(), take(&holds, 1, SHORT_BYTES_MAX + 1).await.unwrap());
    assert_eq!(take(&holds, 1, SHORT_BYTES_MAX + 1).await.unwrap_err(), Code::ResourceExhausted);
    let short = take(&holds, 1, SHORT_BYTES_MAX).await.unwrap();
    drop(two);
    let two = take(&holds, 1, SHORT_BYTES_MAX + 1).await.unwrap();
    let other = take(&holds, 2, SHARE * 2).await.unwrap();
    assert_eq!(take(&holds, 2, SHORT_BYTES_MAX + 1).await.unwrap_err(), Code::ResourceExhausted);
    // For its own share one waits.
    let waiting = holds.take(1, SHARE, For::Begin, PATIENT);
    let reading = async {
        tokio::task::yield_now().await;
        drop((one, two));
    };
    let waited = tokio::join!(waiting, reading).0.unwrap();
    drop((waited, short, other));
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn whoever_holds_nothing_gets_a_short_one_for_the_one_that_made_least_progress() {
    let (holds, open, now) = (Holds::new(MOST), Open::default(), Instant::now());
    let all = SHORT / SHORT_BYTES_MAX;
    // Two addresses take all of it.
    for number in 0..all {
        let hold = take(&holds, (number % 2) as u64, SHORT_BYTES_MAX).await.unwrap();
        open.wait(number, hold, now + Duration::from_millis(number as u64));
    }
    open.progress(0, now + PATIENT);
    let first = holds.take(7, 1, For::Begin, PATIENT).await.unwrap();
    assert_eq!(open.ended(), [1]);
    let second = holds.take(8, SHORT_BYTES_MAX, For::Begin, PATIENT).await.map_err(|refused| refused.code);
    // The first left all but one byte of what it made room for.
    assert_eq!((second.is_ok(), open.ended()), (true, vec![1, 2]));
    let refused = holds.take(0, SHORT_BYTES_MAX, For::Begin, PATIENT).await.unwrap_err();
    assert_eq!((refused.code, open.ended().len()), (Code::Unavailable, 2), "whoever holds something ends nobody");
    drop((first, second));
    open.0.lock().unwrap().clear();
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn long_ones_give_way_after_a_second_and_only_when_that_helps() {
    let (holds, open, now) = (Holds::new(MOST), Open::default(), Instant::now());
    let (early, late) = (now.checked_sub(LONG_GRACE).unwrap(), now + PATIENT);
    let all = LONG / SHARE;
    for number in 0..all {
        let hold = take(&holds, number as u64, SHARE).await.unwrap();
        open.wait(number, hold, if number < 2 { early } else { late });
    }
    assert_eq!(take(&holds, 99, 2 * SHARE + 1).await.unwrap_err(), Code::Unavailable);
    assert_eq!(open.ended(), [0; 0], "those that may be ended do not hold as much");
    let two = holds.take(98, 2 * SHARE, For::Begin, PATIENT).await.unwrap();
    assert_eq!(open.ended(), [0, 1]);
    assert_eq!(take(&holds, 99, SHARE).await.unwrap_err(), Code::Unavailable, "the others have made progress");
    drop(two);
    assert!(take(&holds, 99, SHARE).await.is_ok());
}

#[tokio::test]
async fn whoever_holds_nothing_waits_for_what_is_read_meanwhile() {
    let holds = Holds::new(MOST);
    let held = take(&holds, 1, LONG).await.unwrap();
    let waiting = holds.take(2, SHARE, For::Begin, PATIENT);
    let reading = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    assert!(tokio::join!(waiting, reading).0.is_ok());
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn what_makes_no_progress_ends_in_time_and_not_before() {
    let (holds, open, now) = (Holds::new(MOST), Open::default(), Instant::now());
    let (tick, moved) = (Duration::from_millis(1), now + Duration::from_secs(5));
    for (number, bytes) in [1, SHORT_BYTES_MAX, SHORT_BYTES_MAX + 1, SHARE].into_iter().enumerate() {
        open.wait(number, take(&holds, number as u64, bytes).await.unwrap(), now);
    }
    let mut rests = take(&holds, 9, 1).await.unwrap();
    rests.wait(now, Some(Line::new(|| panic!("it waits for nobody"))));
    rests.rest();
    open.progress(1, moved);
    open.progress(3, moved);
    holds.end_stalled(now + STALLED - tick);
    assert_eq!(open.ended(), [0; 0]);
    holds.end_stalled(now + STALLED);
    assert_eq!(open.ended(), [0, 2]);
    holds.end_stalled(moved + STALLED - tick);
    assert_eq!(open.ended(), [0, 2]);
    holds.end_stalled(moved + STALLED);
    assert_eq!(open.ended(), [0, 1, 2, 3]);
    drop(rests);
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn one_that_was_ended_and_moves_after_that_is_ended_no_more() {
    let (holds, now) = (Holds::new(MOST), Instant::now());
    let ended = Arc::new(Mutex::new(0));
    let count = Arc::clone(&ended);
    let mut hold = take(&holds, 1, 1).await.unwrap();
    hold.wait(now, Some(Line::new(move || *count.lock().unwrap() += 1)));
    holds.end_stalled(now + STALLED);
    hold.progress(now + STALLED);
    holds.end_stalled(now + 3 * STALLED);
    assert_eq!((*ended.lock().unwrap(), hold.rest().is_none()), (1, true));
    drop(hold);
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn what_is_held_fits_what_it_turned_out_to_be() {
    let (holds, now) = (Holds::new(MOST), Instant::now());
    let free = || (holds.short.room.available_permits(), holds.long.room.available_permits());
    let fit = async |hold, bytes| holds.fit(hold, bytes, For::Begin, AT_ONCE).await.map_err(|refused| refused.code);
    let hold = take(&holds, 1, SHORT_BYTES_MAX).await.unwrap();
    let hold = fit(hold, 10).await.unwrap();
    assert_eq!(free(), (SHORT - 10, LONG));
    let mut hold = fit(hold, 20).await.unwrap();
    assert_eq!(free(), (SHORT - 20, LONG));
    let ended = Open::default();
    let line = ended.clone();
    hold.wait(now, Some(Line::new(move || drop(line.0.lock().unwrap().pop()))));
    // It counts as long from here on, and waits as it did.
    let hold = fit(hold, SHARE).await.unwrap();
    assert_eq!(free(), (SHORT, LONG - SHARE));
    ended.0.lock().unwrap().push((0, None));
    holds.end_stalled(now + STALLED);
    assert_eq!(ended.ended(), [0; 0], "ended");
    let hold = fit(hold, 10).await.unwrap();
    assert_eq!(free(), (SHORT, LONG - 10));
    let other = take(&holds, 1, SHARE - 10).await.expect("the share is given back as well");
    assert_eq!(fit(hold, 11).await.unwrap_err(), Code::ResourceExhausted);
    drop(other);
    check_all_is_free(&holds).await;
}

#[tokio::test]
async fn what_was_done_finds_room_before_whoever_waits_for_a_peer() {
    let (holds, open, now) = (Holds::new(MOST), Open::default(), Instant::now());
    let done = async |source, bytes| {
        let short = take(&holds, source, SHORT_BYTES_MAX).await.unwrap();
        holds.fit(short, bytes, For::Done, PATIENT).await
    };
    for number in 0..LONG / SHARE {
        open.wait(number, take(&holds, 100 + number as u64, SHARE).await.unwrap(), now + PATIENT);
    }
    // Its address has its share already, and those that are read have just made progress.
    let held = done(100, SHARE).await.unwrap();
    assert_eq!(open.ended(), [0]);
    let rest = done(100, LONG - SHARE).await.unwrap();
    assert_eq!(open.ended().len(), LONG / SHARE);
    let short = take(&holds, 1, SHORT_BYTES_MAX).await.unwrap();
    let refused = holds.fit(short, SHARE, For::Done, AT_ONCE).await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable, "all of it is taken by what waits for nobody");
    drop((held, rest));
    check_all_is_free(&holds).await;
}
