//! Access tokens of a client: its first message, which has one, and new ones.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;
use std::sync::Arc;

use sha1::{Digest, Sha1};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::faults::{HeldEvents, back_off_policy, status_of};
use super::outgoing::ok;
use super::{Client, End, PING_INTERVAL, Session};
use crate::emulator::core::Core;
use crate::emulator::realtime::continuation;
use crate::emulator::realtime::requests::Caller;
use crate::emulator::store::{Actor, Millis};
use crate::tokens::TokenError;
use crate::twilsock::{
    AccountDescriptor, ContinuationStatus, InitRegistration, OfflineStorage, Reply, Status, Token,
};

/// The rest of the life of a token at which its client gets a warning.
pub(super) const WARNING: Millis = 240_000;

const PRODUCT: &str = "data_sync";

impl Session {
    pub(super) fn init(
        &mut self,
        id: String,
        token: &Token,
        continuation_token: Option<&str>,
        capabilities: &[String],
        registrations: Option<Vec<InitRegistration>>,
    ) {
        if self.client.is_some() {
            self.refuse_frame("the connection has begun already");
            return;
        }
        let core = Arc::clone(self.core());
        let (claims, service) = match core.verify_token(&token.0) {
            Ok(verified) => verified,
            Err(error) => {
                self.refuse(id, token_status(&error), None);
                return;
            }
        };
        let identity = claims.grants["identity"].as_str().unwrap_or_default();
        if let Some(fault) = core.live_faults.strike_connection(identity) {
            self.refuse(id, status_of(fault.status), fault.back_off);
            return;
        }
        let secret = core.credentials.api_secret();
        let service_sid = service.to_string();
        let (endpoint, status) =
            match continuation::endpoint(continuation_token, identity, &service_sid, secret) {
                Ok(endpoint) => (endpoint, None),
                Err(reason) => {
                    let endpoint = format!("twi1-{:032x}", core.random.number());
                    (endpoint, Some(reason.parts()))
                }
            };
        let endpoint: Arc<str> = endpoint.into();
        let confirmed = ["client_update", "offline_storage", "account_descriptor"];
        let confirmed = confirmed
            .into_iter()
            .filter(|known| capabilities.iter().any(|wanted| wanted == known));
        let storage_id = storage_id(&service_sid, identity, core.live.life());
        let storage = OfflineStorage { storage_id };
        let reply = Reply {
            status: Status::ok(),
            capabilities: Some(confirmed.map(str::to_owned).collect()),
            continuation_token: Some(continuation::token(
                &endpoint,
                identity,
                &service_sid,
                secret,
            )),
            continuation_token_status: Some(ContinuationStatus {
                reissued: status.is_some(),
                reissue_reason: status.map(|(reason, _)| reason.to_owned()),
                reissue_message: status.map(|(_, message)| message.to_owned()),
            }),
            offline_storage: Some(BTreeMap::from([(PRODUCT.to_owned(), storage)])),
            account_descriptor: Some(AccountDescriptor {
                account_sid: core.credentials.account_sid().to_string(),
                instance_sids: BTreeMap::from([(PRODUCT.to_owned(), service_sid.clone())]),
                identity: identity.to_owned(),
            }),
            init_registrations: Some(registered(&core, registrations.unwrap_or_default())),
            ..Reply::default()
        };
        let expires = i64::try_from(claims.exp).unwrap_or(i64::MAX);
        let expires = expires.saturating_mul(1_000);
        let client = Client {
            connection: core.live.enter(service, identity),
            caller: Caller {
                service: service_sid.clone(),
                actor: Actor::identity(identity),
                endpoint: Arc::clone(&endpoint),
            },
            identity: identity.into(),
            service,
            endpoint: (service_sid, identity.to_owned(), endpoint),
            expires,
            warning: Some(warning(core.clock.millis(), expires)),
            subscriptions: HashMap::new(),
            replays: VecDeque::new(),
            held: HeldEvents::default(),
        };
        self.realtime.connect(&client.endpoint);
        self.client = Some(client);
        self.ping = Instant::now() + PING_INTERVAL;
        self.push_reply(id, reply);
    }

    /// Refuses a first message, which ends the connection.
    fn refuse(&mut self, id: String, status: Status, back_off: Option<(u64, u64)>) {
        let reply = Reply {
            status,
            ..Reply::default()
        };
        let payload = back_off.map(back_off_policy).unwrap_or_default();
        self.push_full_reply(id, reply, payload, 0);
        self.end = Some(End::Close(CloseCode::Normal, ""));
    }

    pub(super) fn update(&mut self, id: String, token: &Token) {
        let core = Arc::clone(self.core());
        let Some(client) = &mut self.client else {
            self.refuse_frame("the first message of a connection is init");
            return;
        };
        let refused = |status| Reply {
            status,
            ..Reply::default()
        };
        let reply = match core.verify_token(&token.0) {
            Err(error) => refused(token_status(&error)),
            Ok((claims, _)) if claims.grants["identity"] != *client.identity => {
                refused(Status::error(
                    401,
                    "UNAUTHORIZED",
                    51215,
                    "Can't update token, new token was issued for other identity/instance/product.",
                ))
            }
            Ok((_, service)) if service != client.service => {
                self.close(
                    Status::error(
                        308,
                        "UPDATE_IS_FORBIDDEN",
                        51232,
                        "Token from update is unauthorised or different from initial",
                    ),
                    None,
                );
                return;
            }
            Ok((claims, _)) => {
                let expires = i64::try_from(claims.exp).unwrap_or(i64::MAX);
                client.expires = expires.saturating_mul(1_000);
                client.warning = Some(warning(core.clock.millis(), client.expires));
                ok()
            }
        };
        self.push_reply(id, reply);
    }

    pub(super) fn expire_token(&mut self) {
        self.close(
            Status::error(410, "TOKEN_EXPIRED", 51207, "Token expired"),
            None,
        );
    }
}

/// The status of a token that is not accepted.
fn token_status(error: &TokenError) -> Status {
    use jsonwebtoken::errors::ErrorKind;

    let (code, text) = match error {
        TokenError::Expired { .. } => (20104, "Access Token expired or expiration date invalid"),
        TokenError::NotYetValid { .. } => (20105, "Access Token not yet valid"),
        TokenError::Claim(_) => (20106, "Invalid Access Token grants"),
        TokenError::Invalid(error) => match error.kind() {
            ErrorKind::InvalidSignature | ErrorKind::InvalidSubject => {
                (20151, "The authorization with Token failed")
            }
            ErrorKind::InvalidIssuer => (20103, "Invalid Access Token issuer/subject"),
            _ => (20101, "Invalid Access Token"),
        },
    };
    Status::error(401, "UNAUTHORIZED", code, text)
}

/// The registrations of a client, with ids.
fn registered(core: &Core, registrations: Vec<InitRegistration>) -> Vec<InitRegistration> {
    let named = registrations.into_iter().map(|registration| {
        let id = format!("{:032x}", core.random.number());
        InitRegistration {
            notification_ctx_id: Some(id),
            ..registration
        }
    });
    named.collect()
}

/// The time at which a client is warned that its token expires: four minutes before, or halfway where less
/// is left.
fn warning(now: Millis, expires: Millis) -> Millis {
    let left = expires.saturating_sub(now);
    expires.saturating_sub(WARNING.min(left / 2))
}

/// The name of the browser's storage for what this identity has read in this life of the store.
fn storage_id(service: &str, identity: &str, life: u128) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("{life:032x}{service}{identity}"));
    let mut id = String::new();
    for byte in hash.finalize() {
        // Writing to text does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}
