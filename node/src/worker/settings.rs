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
use jerboa_wire::{Request, Status};
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

impl All {
    fn own_of(&self, map: &[u8]) -> MapSettings {
        self.named.get(map).copied().unwrap_or_default()
    }

    /// What is replaced of a map, or with `None` of what all inherit, where this becomes `next`.
    fn replaced_by(&self, next: &Self, map: Option<&[u8]>) -> Replaced {
        let (before, now) = match map {
            None => (self.defaults, next.defaults),
            Some(map) => (self.own_of(map), next.own_of(map)),
        };
        Replaced {
            map: map.map(Into::into),
            before,
            now,
        }
    }
}

/// The map that a request is about; `None` if it is about what all maps inherit.
fn subject<'r>(request: &Request<'r>) -> Result<Option<&'r [u8]>, Refusal> {
    match (request.arg == OF_DEFAULTS, request.map) {
        (false, map) => Ok(Some(map)),
        (true, b"") => Ok(None),
        (true, _) => Err(Refusal {
            status: Status::InvalidArgument,
            text: "the defaults are no map's: leave its name empty".to_owned(),
        }),
    }
}

/// The settings of all maps of a node.
#[derive(Debug)]
pub(crate) struct SettingsStore {
    all: Mutex<Arc<All>>,
    when_full: WhenFull,
    cores: u64,
    /// Maps that each core can limit, at most.
    limited_maps_max: AtomicU32,
    /// For each core how many maps it knows, a moment ago.
    known_maps: Box<[AtomicU32]>,
}

/// What a change of settings replaced.
#[derive(Clone, Debug)]
pub(super) struct Replaced {
    /// `None`: what all maps inherit.
    pub(super) map: Option<Arc<[u8]>>,
    before: MapSettings,
    now: MapSettings,
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
            known_maps: (0..cores).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    fn all(&self) -> Arc<All> {
        Arc::clone(&self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a write to a map does when there is no room.
    pub(crate) fn when_full_of(&self, map: &[u8]) -> WhenFull {
        let all = self.all();
        let own = all.own_of(map);
        let holds = own.over(&all.defaults);
        holds.when_full.unwrap_or(self.when_full)
    }

    /// The settings of a map of its own, or those that all maps inherit.
    pub(crate) fn own_of(&self, map: Option<&[u8]>) -> MapSettings {
        let all = self.all();
        match map {
            None => all.defaults,
            Some(map) => all.own_of(map),
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

    /// Notes how many maps a core knows.
    #[inline]
    pub(super) fn note_known_maps(&self, core: u16, count: usize) {
        if let Some(known) = self.known_maps.get(usize::from(core)) {
            known.store(count as u32, Ordering::Relaxed);
        }
    }

    /// Changes several settings, or none of them. The cores are still to hear of it. Tells what was
    /// replaced, of each of `maps` in its order: those that the changes are about, once each.
    ///
    /// # Errors
    /// The number of the change that cannot be, and why.
    pub(super) fn change_all(
        &self,
        changes: &[SettingChange<'_>],
        maps: &[Option<&[u8]>],
    ) -> Result<Vec<Replaced>, (usize, String)> {
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
        let replaced = maps.iter();
        let replaced = replaced
            .map(|map| current.replaced_by(&all, *map))
            .collect();
        *current = Arc::new(all);
        debug!(count = changes.len(), "settings of maps changed");
        Ok(replaced)
    }

    /// Executes SettingsGet: the status and the text of the reply.
    pub(super) fn get(&self, request: &Request<'_>) -> (Status, String) {
        match subject(request) {
            Ok(_) => (Status::Ok, self.report(request)),
            Err(Refusal { status, text }) => (status, text),
        }
    }

    /// Executes SettingsSet, but for what the cores have to do: the text of the reply, and what was
    /// replaced.
    ///
    /// # Errors
    /// The status and the text of the reply. Nothing was changed.
    pub(super) fn set(
        &self,
        request: &Request<'_>,
    ) -> Result<(String, Replaced), (Status, String)> {
        match self.change(request) {
            Ok(replaced) => Ok((self.report(request), replaced)),
            Err(Refusal { status, text }) => Err((status, text)),
        }
    }

    /// Has settings be again what they were before a change, unless they were changed again since.
    pub(super) fn restore(&self, replaced: &Replaced) {
        let mut current = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = All::clone(&current);
        match &replaced.map {
            None if all.defaults == replaced.now => all.defaults = replaced.before,
            Some(map) if all.own_of(map) == replaced.now => {
                all.named.insert(Arc::clone(map), replaced.before);
                all.named.retain(|_, own| *own != MapSettings::default());
            }
            _ => return,
        }
        *current = Arc::new(all);
    }

    fn report(&self, request: &Request<'_>) -> String {
        let all = self.all();
        let nothing = MapSettings::default();
        if request.arg == OF_DEFAULTS {
            all.defaults.report(&nothing, self.when_full)
        } else {
            let own = all.named.get(request.map).unwrap_or(&nothing);
            own.report(&all.defaults, self.when_full)
        }
    }

    fn change(&self, request: &Request<'_>) -> Result<Replaced, Refusal> {
        let map = subject(request)?;
        let mut current = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = All::clone(&current);
        match map {
            None => all.defaults.apply(request.value)?,
            Some(map) => {
                let own = all.named.entry(map.into()).or_default();
                own.apply(request.value)?;
                if *own == MapSettings::default() {
                    all.named.remove(map);
                }
            }
        }
        self.check(&all)?;
        let replaced = current.replaced_by(&all, map);
        *current = Arc::new(all);
        debug!(
            map = %request.map.escape_ascii(),
            defaults = request.arg == OF_DEFAULTS,
            settings = %request.value.escape_ascii(),
            "settings changed"
        );
        Ok(replaced)
    }

    /// Whether every core can take these.
    fn check(&self, all: &All) -> Result<(), Refusal> {
        let is_limited = |own: &MapSettings| self.limits(&own.over(&all.defaults)).is_limited();
        let most = self.limited_maps_max.load(Ordering::Relaxed) as usize;
        let named = all.named.len();
        let mut limited = all.named.values().filter(|own| is_limited(own)).count();
        if is_limited(&MapSettings::default()) {
            let known = self.known_maps.iter();
            let known = known.map(|known| known.load(Ordering::Relaxed)).max();
            // Every core knows all that have settings.
            limited += (known.unwrap_or(0) as usize).saturating_sub(named);
        }
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
