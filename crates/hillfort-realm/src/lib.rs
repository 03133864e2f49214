//! Hosts rooms: world threads, placement, script rooms, a panic wall for each room.
