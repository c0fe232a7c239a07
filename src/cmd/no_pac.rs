//! `--pac` in a program that was built without it.

use crate::base::{Error, Result, Target};
use crate::cli::ProxyOptions;
use crate::plan::Given;

pub enum Script {}

impl Script {
    pub fn load(options: &ProxyOptions) -> Result<Option<Self>> {
        match options.pac {
            None => Ok(None),
            Some(_) => Err(Error::usage("this tuncat was built without --pac")),
        }
    }

    pub fn ask(&self, _target: &Target) -> Result<Option<Given>> {
        match *self {}
    }
}
