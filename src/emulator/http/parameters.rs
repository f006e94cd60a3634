//! Form and query parameters by their types.

use crate::emulator::core::Parameters;
use crate::emulator::store::{ServiceError, Ttl};

impl Parameters<'_> {
    /// Reads a parameter that may be absent.
    pub(super) fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, ServiceError>,
    ) -> Result<Option<T>, ServiceError> {
        self.get(name).map(read).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ServiceError> {
        self.read(name, |text| {
            if text.eq_ignore_ascii_case("true") {
                Ok(true)
            } else if text.eq_ignore_ascii_case("false") {
                Ok(false)
            } else {
                Err(ServiceError::InvalidBody)
            }
        })
    }

    pub(super) fn required_flag(&self, name: &'static str) -> Result<bool, ServiceError> {
        self.flag(name)?.ok_or(ServiceError::MissingParameter(name))
    }

    pub(super) fn ttl(&self, name: &str) -> Result<Option<Ttl>, ServiceError> {
        self.read(name, Ttl::parse).map(Option::flatten)
    }

    /// A TTL that goes by two names: `Ttl` counts only where `name` is not given.
    pub(super) fn ttl_or_alias(&self, name: &str) -> Result<Option<Ttl>, ServiceError> {
        match self.ttl(name)? {
            None => self.ttl("Ttl"),
            given => Ok(given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_counts_only_alone() {
        let ttl = |form: &str| {
            Parameters::parse(form.as_bytes())
                .unwrap()
                .ttl_or_alias("ItemTtl")
        };
        assert_eq!(ttl("Ttl=5&ItemTtl=6"), ttl("ItemTtl=6"));
        assert_eq!(ttl("Ttl=5"), ttl("ItemTtl=5"));
        assert_eq!(ttl("Ttl=x&ItemTtl=6"), ttl("ItemTtl=6"));
        assert_eq!(ttl("Ttl=x&ItemTtl="), Err(ServiceError::InvalidTtl));
    }

    #[test]
    fn flags_are_true_or_false() {
        let form = Parameters::parse(b"Read=true&Write=False&Manage=1").unwrap();
        assert_eq!(form.required_flag("Read"), Ok(true));
        assert_eq!(form.flag("Write"), Ok(Some(false)));
        assert_eq!(form.flag("Manage"), Err(ServiceError::InvalidBody));
        assert_eq!(
            form.required_flag("X"),
            Err(ServiceError::MissingParameter("X"))
        );
    }
}
