//! All tests of the program: black-box tests that run the binary, against scripted peers and against real ones.

mod docs;
mod real;
mod support;
