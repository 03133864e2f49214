//! The Luau sandbox: load, budget, swap.
