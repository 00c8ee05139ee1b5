//! Part of Palisade; see the README of the room.
