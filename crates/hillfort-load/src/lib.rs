//! Load and attack tool: raw limits, bots, attacks, report.
