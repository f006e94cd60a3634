//! Permissions of Documents, Lists and Maps.

use serde_json::{Value, json};

use super::expect;
use super::failure::Failure;
use super::fixture::{Fixture, collect};
use super::rule::rules;
use crate::api::Operation;
use crate::permissions::Access;
use crate::value::MAX_IDENTITY_LENGTH;

/// The operations that fetch, set, remove and list the permissions of each kind of object that has some.
const OPERATIONS: [[Operation; 4]; 3] = [
    [
        Operation::FetchDocumentPermission,
        Operation::UpdateDocumentPermission,
        Operation::DeleteDocumentPermission,
        Operation::ListDocumentPermission,
    ],
    [
        Operation::FetchSyncListPermission,
        Operation::UpdateSyncListPermission,
        Operation::DeleteSyncListPermission,
        Operation::ListSyncListPermission,
    ],
    [
        Operation::FetchSyncMapPermission,
        Operation::UpdateSyncMapPermission,
        Operation::DeleteSyncMapPermission,
        Operation::ListSyncMapPermission,
    ],
];

rules! { "permissions":
    /// Documents, Lists and Maps have permissions, which are set, read and removed by identity. The
    /// status of a new one is 200.
    #[rule(Documented)]
    async fn a_permission_is_set_read_and_removed(fixture: &Fixture) {
        let names = objects(fixture).await?;
        for (name, [fetch, set, remove, list]) in names.iter().zip(OPERATIONS) {
            let form = [("Read", "true"), ("Write", "false"), ("Manage", "true")];
            let granted = fixture.call(set, &[name, "alice"]).with_form(&form);
            let granted = fixture.body(granted).await?;
            let flags = ["read", "write", "manage"].map(|flag| granted[flag].as_bool());
            expect::equal("the rights", flags, [Some(true), Some(false), Some(true)])?;
            expect::equal("the identity", &granted["identity"], &json!("alice"))?;
            let found = fixture.body(fixture.call(fetch, &[name, "alice"])).await?;
            expect::equal("the permission that is read", &found, &granted)?;
            let page = fixture.body(fixture.call(list, &[name])).await?;
            expect::equal("the permissions", &page["permissions"], &json!([granted]))?;
            let response = fixture.call(remove, &[name, "alice"]).response().await?;
            expect::equal("the status of a removal", response.status.as_u16(), 204)?;
            expect::not_found(
                "the removed one",
                fixture.call(fetch, &[name, "alice"]).await,
            )?;
        }
    }

    /// A permission replaces the one before. Rights are not added up.
    #[rule(Documented)]
    async fn a_permission_is_replaced(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let permissions = fixture.sync.documents::<Value>().permissions(&name);
        permissions
            .grant("alice", Access::READ | Access::WRITE)
            .await?;
        permissions.grant("alice", Access::MANAGE).await?;
        expect::equal(
            "the rights",
            permissions.get("alice").await?.access,
            Access::MANAGE,
        )?;
    }

    /// A permission without rights is stored and listed.
    #[rule(Inferred)]
    async fn a_permission_without_rights_is_stored(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let permissions = fixture.sync.documents::<Value>().permissions(&name);
        permissions.grant("alice", Access::NONE).await?;
        let listed = collect(permissions.all(), |permission| permission.access).await?;
        expect::equal("the rights", listed, [Access::NONE])?;
    }

    /// The permissions of an object are listed by identity.
    #[rule(Inferred)]
    async fn permissions_are_listed_by_identity(fixture: &Fixture) {
        let (name, _) = fixture.new_map(&[]).await?;
        let permissions = fixture.sync.maps().permissions(&name);
        for identity in ["carol", "alice", "bob"] {
            permissions.grant(identity, Access::READ).await?;
        }
        let all = permissions.all().page_size(2);
        let identities = collect(all, |permission| permission.identity).await?;
        expect::equal("the identities", identities, ["alice", "bob", "carol"])?;
    }

    /// An identity without a permission is not found, also for a removal: 404, code 20404.
    #[rule(Inferred)]
    async fn a_missing_permission_is_not_found(fixture: &Fixture) {
        let names = objects(fixture).await?;
        for (name, [fetch, _, remove, _]) in names.iter().zip(OPERATIONS) {
            expect::not_found("a read", fixture.call(fetch, &[name, "alice"]).await)?;
            expect::not_found("a removal", fixture.call(remove, &[name, "alice"]).await)?;
        }
    }

    /// An object that is not there has no permissions: 404, code 20404.
    #[rule(Documented)]
    async fn a_missing_object_has_no_permissions(fixture: &Fixture) {
        let name = fixture.name("missing");
        for [fetch, set, _, list] in OPERATIONS {
            let form = [("Read", "true"), ("Write", "true"), ("Manage", "true")];
            let granted = fixture.call(set, &[&name, "alice"]).with_form(&form).await;
            expect::not_found("a new permission", granted)?;
            expect::not_found("a read", fixture.call(fetch, &[&name, "alice"]).await)?;
            expect::not_found("the list", fixture.call(list, &[&name]).await)?;
        }
    }

    /// All three rights are required: else 400, code 20001.
    #[rule(Inferred)]
    async fn all_rights_are_required(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        for left_out in ["Read", "Write", "Manage"] {
            let rights = ["Read", "Write", "Manage"].into_iter();
            let rights = rights.filter(|right| *right != left_out);
            let form: Vec<_> = rights.map(|right| (right, "true")).collect();
            let set = fixture.call(Operation::UpdateDocumentPermission, &[&name, "alice"]);
            let subject = format!("a permission without {left_out}");
            expect::error(&subject, set.with_form(&form).await, 400, 20001)?;
        }
    }

    /// An identity may have 256 characters, and no more: else 400, code 54351.
    #[rule(Documented)]
    async fn an_identity_has_256_characters_at_most(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let identity = "x".repeat(MAX_IDENTITY_LENGTH);
        let permissions = fixture.sync.documents::<Value>().permissions(&name);
        permissions.grant(identity.as_str(), Access::READ).await?;
        let form = [("Read", "true"), ("Write", "true"), ("Manage", "true")];
        let identity = identity + "x";
        let set = fixture.call(Operation::UpdateDocumentPermission, &[&name, &identity]);
        let granted = set.with_form(&form).await;
        expect::error("an identity of 257 characters", granted, 400, 54351)?;
    }

    /// The removal of an object removes its permissions: a new one with its name has none.
    #[rule(Inferred)]
    async fn a_removed_object_has_no_permissions(fixture: &Fixture) {
        let name = fixture.new_document(&json!({})).await?;
        let docs = fixture.sync.documents::<Value>();
        docs.permissions(&name).grant("alice", Access::ALL).await?;
        docs.remove(&name).await?;
        docs.create(&name, &json!({})).await?;
        let listed = collect(docs.permissions(&name).all(), |permission| {
            permission.identity
        });
        expect::equal("the identities", listed.await?, [""; 0])?;
    }

    /// Permissions do not limit the REST API, also where a Service has its access control on.
    #[rule(Documented, OwnService)]
    async fn permissions_do_not_limit_rest(fixture: &Fixture) {
        let own = fixture
            .own_service(|settings| settings.acl_enabled(true))
            .await?;
        let docs = own.documents::<Value>();
        docs.create("desk", &json!({"n": 0})).await?;
        docs.permissions("desk")
            .grant("alice", Access::NONE)
            .await?;
        docs.update("desk", &json!({"n": 1})).await?;
        expect::equal("the data", docs.get("desk").await?.data, json!({"n": 1}))?;
        docs.remove("desk").await?;
    }
}

/// A new Document, List and Map; their names in the order of `OPERATIONS`.
async fn objects(fixture: &Fixture<'_>) -> Result<[String; 3], Failure> {
    let document = fixture.new_document(&json!({})).await?;
    let (list, _) = fixture.new_list(0).await?;
    let (map, _) = fixture.new_map(&[]).await?;
    Ok([document, list, map])
}
