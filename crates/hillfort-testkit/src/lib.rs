//! Simulation rig: virtual clock, lossy link, real nodes on port 0.
