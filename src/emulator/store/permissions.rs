//! Permissions: the rights of identities to Documents, Lists and Maps.

use super::access::{Reader, Writer};
use super::model::{Grant, Permitted};
use super::paging::Walk;
use super::service_error::ServiceError;
use super::views::{Contents, GrantView};

impl<'a> Reader<'a> {
    pub(crate) fn grant<T: Permitted>(
        self,
        service: &str,
        object: &str,
        identity: &str,
    ) -> Result<GrantView<'a>, ServiceError> {
        self.check_system()?;
        let view = self.object::<T>(service, object)?;
        let found = view.object.grants.get_key_value(identity);
        let (identity, grant) = found.ok_or(ServiceError::NotFound)?;
        Ok(GrantView {
            service: view.service,
            object: view.sid,
            identity,
            grant: *grant,
        })
    }

    /// A page of an object's permissions, in the order of their identities.
    pub(crate) fn grants<T: Permitted>(
        self,
        service: &str,
        object: &str,
        walk: &Walk<Box<str>>,
        size: usize,
    ) -> Result<Contents<Box<str>, GrantView<'a>>, ServiceError> {
        self.check_system()?;
        let view = self.object::<T>(service, object)?;
        let page = walk.page(&view.object.grants, size, |identity, grant| GrantView {
            service: view.service,
            object: view.sid,
            identity,
            grant: *grant,
        });
        Ok(Contents {
            service: view.service,
            object: view.sid,
            page,
        })
    }
}

impl<'a> Writer<'a> {
    /// Creates or replaces a permission.
    pub(crate) fn set_grant<T: Permitted>(
        self,
        service: &str,
        object: &str,
        identity: &str,
        grant: Grant,
    ) -> Result<GrantView<'a>, ServiceError> {
        self.reader().check_system()?;
        let place = self.state.find::<T>(service, object)?;
        self.state.set_grant::<T>(place, identity, grant)?;
        let reader = Reader {
            state: self.state,
            actor: self.actor,
        };
        reader.grant::<T>(service, object, identity)
    }

    pub(crate) fn delete_grant<T: Permitted>(
        self,
        service: &str,
        object: &str,
        identity: &str,
    ) -> Result<Grant, ServiceError> {
        self.reader().check_system()?;
        let place = self.state.find::<T>(service, object)?;
        self.state.remove_grant::<T>(place, identity)
    }
}
