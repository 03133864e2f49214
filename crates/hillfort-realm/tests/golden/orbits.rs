//! Bodies that fly around each other in floats: sums, products, roots, functions of `math`, and distances in fixed point. Knows nothing of saving.

use hillfort_world::{Ctx, Fixed, Room, RoomConfig, RoomFault, Seat, SendError, To, math};

const BODIES: usize = 12;

#[derive(Default)]
pub(crate) struct Orbits {
    /// Place and speed.
    bodies: Vec<[f64; 4]>,
    turn: f64,
    sum: f32,
}

impl Room for Orbits {
    fn on_create(&mut self, ctx: &mut Ctx, _: &[u8]) -> Result<RoomConfig, RoomFault> {
        let mut number = || ctx.rng().below(2_000_001) as f64 / 1e6 - 1.0;
        self.bodies = (0..BODIES).map(|_| [number() * 3.0, number() * 3.0, number(), number()]).collect();
        Ok(RoomConfig::default())
    }

    /// Each byte pushes one body.
    fn on_message(&mut self, _: &mut Ctx, player: Seat, _: u32, data: &[u8]) -> Result<(), RoomFault> {
        for (at, byte) in data.iter().enumerate() {
            let body = &mut self.bodies[(at + usize::from(player.0)) % BODIES];
            body[2] += math::sin(f64::from(*byte)) * 0.1;
            body[3] += math::cos(f64::from(*byte)) * 0.1;
        }
        Ok(())
    }

    fn on_tick(&mut self, ctx: &mut Ctx) -> Result<(), RoomFault> {
        let dt = ctx.dt();
        self.turn += dt * 0.7;
        let mut state = Vec::with_capacity(BODIES * 24 + 4);
        for (at, body) in self.bodies.iter_mut().enumerate() {
            let [x, y, dx, dy] = *body;
            let far = (x * x + y * y).sqrt() + 0.05;
            let pull = math::exp(-far) + math::pow(far, -1.3) + math::atan2(y, x) * 0.01;
            let (up, over) = (math::cos(self.turn + at as f64) * 0.02, math::tanh(far) * 0.02);
            *body = [x + dx * dt, y + dy * dt, (dx - x * pull * dt + up) * 0.995, (dy - y * pull * dt + over) * 0.995];
            self.sum += (x * dy - y * dx) as f32 * 0.1;
            let fixed = Fixed::from_f64(x).hypot(Fixed::from_f64(y));
            state.extend([x.to_bits(), y.to_bits(), fixed.to_bits().cast_unsigned()].iter().flat_map(|bits| bits.to_le_bytes()));
        }
        state.extend(self.sum.to_bits().to_le_bytes());
        ctx.send_state(To::All, &state).map_err(|error: SendError| RoomFault::crashed(&error.to_string()))
    }
}
