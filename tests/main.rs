//! All tests of the program: black-box tests that run the binary, against scripted peers and against real ones.

mod attacks;
mod bench;
mod client;
mod conformance;
mod docs;
mod doctor;
mod layers;
mod real;
mod serve;
mod sessions;
mod support;
mod terminator;
