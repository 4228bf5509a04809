//! The hub, where repositories are asked for.

use std::sync::Arc;

use crate::client::{Connection, Kind};
use crate::error::Error;
use crate::event::Event;
use crate::names::check_repository;
use crate::repository::Repository;
use crate::settings::HubSettings;

/// The hub: where repositories are asked for.
///
/// It may be used from several threads; clones share their connections. The methods wait for their
/// answers; they may be called from within an asynchronous runtime, and block its thread.
#[derive(Clone, Debug)]
pub struct Hub {
    connection: Arc<Connection>,
}

impl Hub {
    /// A hub as the environment says: [`HubSettings::from_env`].
    ///
    /// ```no_run
    /// use settling_hub::Hub;
    ///
    /// let repository = Hub::from_env()?.model("EleutherAI/pythia-70m-deduped")?;
    /// for revision in repository.revisions()? {
    ///     println!("{} is commit {}", revision.name, revision.commit);
    /// }
    /// # Ok::<(), settling_hub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the environment asks for something impossible, or no client can be set up.
    pub fn from_env() -> Result<Self, Error> {
        Self::new(HubSettings::from_env()?)
    }

    /// A hub with settings of one's own.
    ///
    /// # Errors
    ///
    /// If the settings cannot be used, or no client can be set up.
    pub fn new(settings: HubSettings) -> Result<Self, Error> {
        Ok(Self { connection: Arc::new(Connection::new(settings, None)?) })
    }

    /// A hub with settings of one's own that tells `listener` what is being done. The listener is
    /// called from several threads and should return soon.
    ///
    /// ```
    /// use settling_hub::{Event, Hub, HubSettings};
    ///
    /// let hub = Hub::with_listener(HubSettings::new("/data/hub"), |event| {
    ///     if let Event::Retrying { what, reason, wait } = event {
    ///         eprintln!("{what}: {reason}; again in {wait:?}");
    ///     }
    /// })?;
    /// # Ok::<(), settling_hub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the settings cannot be used, or no client can be set up.
    pub fn with_listener(
        settings: HubSettings,
        listener: impl Fn(&Event<'_>) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Ok(Self { connection: Arc::new(Connection::new(settings, Some(Arc::new(listener)))?) })
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &HubSettings {
        &self.connection.settings
    }

    /// The repository of a model, such as `EleutherAI/pythia-70m-deduped`. No request is made.
    ///
    /// # Errors
    ///
    /// If the name cannot be one.
    pub fn model(&self, id: &str) -> Result<Repository, Error> {
        self.repository(Kind::Model, id)
    }

    /// The repository of a data set, such as `EleutherAI/pile-deduped-pythia-preshuffled`. No
    /// request is made.
    ///
    /// # Errors
    ///
    /// If the name cannot be one.
    pub fn dataset(&self, id: &str) -> Result<Repository, Error> {
        self.repository(Kind::Dataset, id)
    }

    fn repository(&self, kind: Kind, id: &str) -> Result<Repository, Error> {
        check_repository(id)?;
        Ok(Repository::new(Arc::clone(&self.connection), kind, id))
    }
}
