//! The fixed step: rooms, slot wheel, fair input queues, late policies. Deterministic.
