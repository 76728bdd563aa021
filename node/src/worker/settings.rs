//! Settings of maps: kept once for the node, taken over by each core before it executes anything
//! that came after the change.
//!
//! A change is checked and stored by whichever core reads the request, and put on the list of what
//! changes for all cores at one moment ([`super::changes`]). So all cores take it or none does.
//!
//! A core's share of a limit is the limit divided by the number of cores, rounded up.

pub(crate) mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jerboa_core_shard::{FullPolicy, MapLimits};
use jerboa_wire::settings::{EffectiveSettings, MapSettings, SettingError, WhenFull};
use jerboa_wire::{Opcode, Request, Status};
use tracing::debug;

use crate::config::{self, MapsConfig, nearest_setting};

/// Maps with settings of their own, at most.
const NAMED_MAPS_MAX: usize = 1024;
/// The `arg` of a request about the defaults.
pub(super) const OF_DEFAULTS: u64 = 1;

/// What was set.
#[derive(Clone, Debug, Default)]
struct All {
    defaults: MapSettings,
    named: BTreeMap<Arc<[u8]>, MapSettings>,
}

/// The settings of all maps of a node.
#[derive(Debug)]
pub(crate) struct SettingsStore {
    all: Mutex<Arc<All>>,
    when_full: WhenFull,
    cores: u64,
    /// Maps that each core can limit, at most.
    limited_maps_max: AtomicU32,
}

/// One setting that is to be changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettingChange<'c> {
    /// `None`: what all maps inherit.
    pub(crate) map: Option<&'c [u8]>,
    pub(crate) name: &'c str,
    pub(crate) value: &'c str,
}

/// Why a change was refused.
#[derive(Debug)]
struct Refusal {
    status: Status,
    text: String,
}

impl SettingsStore {
    pub(crate) fn new(config: &MapsConfig, when_full: config::WhenFull, cores: u16) -> Self {
        let named = config.named.iter();
        let all = All {
            defaults: config.defaults,
            named: named
                .map(|(name, settings)| (name.as_bytes().into(), *settings))
                .collect(),
        };
        Self {
            all: Mutex::new(Arc::new(all)),
            when_full: match when_full {
                config::WhenFull::Evict => WhenFull::Evict,
                config::WhenFull::Refuse => WhenFull::Refuse,
            },
            cores: cores.into(),
            limited_maps_max: AtomicU32::new(u32::MAX),
        }
    }

    fn all(&self) -> Arc<All> {
        Arc::clone(&self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a write to a map does when there is no room.
    pub(crate) fn when_full_of(&self, map: &[u8]) -> WhenFull {
        let all = self.all();
        let own = all.named.get(map).copied().unwrap_or_default();
        let holds = own.over(&all.defaults);
        holds.when_full.unwrap_or(self.when_full)
    }

    /// The settings of a map of its own, or those that all maps inherit.
    pub(crate) fn own_of(&self, map: Option<&[u8]>) -> MapSettings {
        let all = self.all();
        match map {
            None => all.defaults,
            Some(map) => all.named.get(map).copied().unwrap_or_default(),
        }
    }

    /// The maps that have settings of their own.
    pub(crate) fn named(&self) -> Vec<(Box<[u8]>, MapSettings)> {
        let all = self.all();
        let named = all.named.iter();
        named
            .map(|(name, own)| (Box::from(&**name), *own))
            .collect()
    }

    /// Changes several settings, or none of them. The cores are still to hear of it.
    ///
    /// # Errors
    /// The number of the change that cannot be, and why.
    pub(super) fn change_all(&self, changes: &[SettingChange<'_>]) -> Result<(), (usize, String)> {
        let mut current = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = All::clone(&current);
        for (number, change) in changes.iter().enumerate() {
            let own = match change.map {
                None => &mut all.defaults,
                Some(map) => all.named.entry(map.into()).or_default(),
            };
            let set = own.set(change.name, change.value);
            set.map_err(|error| (number, error.to_string()))?;
        }
        all.named.retain(|_, own| *own != MapSettings::default());
        self.check(&all)
            .map_err(|refusal| (changes.len().saturating_sub(1), refusal.text))?;
        *current = Arc::new(all);
        debug!(count = changes.len(), "settings of maps changed");
        Ok(())
    }

    /// Executes SettingsGet or SettingsSet: the status and the text of the reply.
    pub(super) fn execute(&self, request: &Request<'_>) -> (Status, String) {
        if request.arg == OF_DEFAULTS && !request.map.is_empty() {
            let text = "the defaults are no map's: leave its name empty".to_owned();
            return (Status::InvalidArgument, text);
        }
        if request.opcode == Opcode::SettingsSet
            && let Err(Refusal { status, text }) = self.change(request)
        {
            return (status, text);
        }
        let all = self.all();
        let nothing = MapSettings::default();
        let text = if request.arg == OF_DEFAULTS {
            all.defaults.report(&nothing, self.when_full)
        } else {
            let own = all.named.get(request.map).unwrap_or(&nothing);
            own.report(&all.defaults, self.when_full)
        };
        (Status::Ok, text)
    }

    fn change(&self, request: &Request<'_>) -> Result<(), Refusal> {
        let mut current = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = All::clone(&current);
        if request.arg == OF_DEFAULTS {
            all.defaults.apply(request.value)?;
        } else {
            let own = all.named.entry(request.map.into()).or_default();
            own.apply(request.value)?;
            if *own == MapSettings::default() {
                all.named.remove(request.map);
            }
        }
        self.check(&all)?;
        *current = Arc::new(all);
        debug!(
            map = %request.map.escape_ascii(),
            defaults = request.arg == OF_DEFAULTS,
            settings = %request.value.escape_ascii(),
            "settings changed"
        );
        Ok(())
    }

    /// Whether every core can take these.
    fn check(&self, all: &All) -> Result<(), Refusal> {
        let limited = all.named.values().filter(|own| {
            let limits = self.limits(&own.over(&all.defaults));
            limits.is_limited()
        });
        let most = self.limited_maps_max.load(Ordering::Relaxed) as usize;
        let (named, limited) = (all.named.len(), limited.count());
        if named > NAMED_MAPS_MAX || limited > most {
            return Err(Refusal {
                status: Status::TooManyMaps,
                text: format!(
                    "{named} maps would have settings and {limited} limits of their own: at most \
                     {NAMED_MAPS_MAX} and {most} can"
                ),
            });
        }
        Ok(())
    }

    /// One core's share of what holds for a map.
    fn limits(&self, holds: &EffectiveSettings) -> MapLimits {
        let share = |all: u64| all.div_ceil(self.cores.max(1));
        let when_full = holds.when_full.filter(|policy| *policy != self.when_full);
        MapLimits {
            keys_max: holds.keys_max.map(share),
            bytes_max: holds.bytes_max.map(share),
            idle_ms_max: holds.idle_ms_max,
            full_policy: when_full.map(|policy| match policy {
                WhenFull::Evict => FullPolicy::Evict,
                WhenFull::Refuse => FullPolicy::Refuse,
            }),
            ttl_ms: holds.ttl_ms,
        }
    }
}

impl From<SettingError> for Refusal {
    fn from(error: SettingError) -> Self {
        let status = match error {
            SettingError::NotALine => Status::MalformedPayload,
            SettingError::UnknownName(_) | SettingError::BadValue { .. } => Status::InvalidArgument,
        };
        let mut text = error.to_string();
        if let SettingError::UnknownName(name) = &error
            && let Some(known) = nearest_setting(name)
        {
            text = format!("unknown setting; did you mean `{known}`?");
        }
        text.truncate(text.floor_char_boundary(jerboa_wire::limits::ERROR_TEXT_BYTES_MAX));
        Self { status, text }
    }
}
