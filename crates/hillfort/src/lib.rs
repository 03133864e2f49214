//! One binary: a game-backend server with a game, a console and an attack panel.
