//! Who holds the mock in hand while the clients talk: faults come and go, the scenario is reloaded, data is edited.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;
use ws_mock::base::Chance;

use crate::mock::Mock;

/// What happens to `victim`, and what may happen to everybody without anything being lost.
const FAULTS: [&str; 6] = [
    r#"[{"kind":"drop","on":["victim"],"share":0.5},{"kind":"latency","time":["1ms","20ms"],"share":0.3}]"#,
    r#"[{"kind":"duplicate","on":["victim"]},{"kind":"corrupt","on":["victim"],"share":0.5},{"kind":"fragment","bytes":7}]"#,
    r#"[{"kind":"close","on":["victim"],"code":4001,"share":0.5},{"kind":"refuse","status":503,"share":0.1}]"#,
    r#"[{"kind":"abort","on":["victim"],"share":0.7},{"kind":"slow","rate":200000}]"#,
    r#"[{"kind":"stall","on":["victim"],"share":0.7},{"kind":"mute","share":0.5}]"#,
    r#"[{"kind":"error","on":["victim"],"code":"BROKEN"},{"kind":"latency","time":"5ms","on":["push"]}]"#,
];

/// Until the deadline; the faults are gone then.
pub(crate) async fn work(mock: &Mock, chance: &mut Chance, deadline: Instant) -> Result<()> {
    while Instant::now() < deadline {
        match chance.below(8) {
            0 | 1 => {
                let faults = FAULTS[chance.below(FAULTS.len() as u64) as usize];
                mock.control("PUT", "faults", faults).await?;
            }
            2 => drop(mock.control("DELETE", "faults", "").await?),
            3 => mock.reload()?,
            4 => mock.spoil()?,
            5 => {
                mock.control("POST", "triggers/grow", r#"{"value":7}"#)
                    .await?;
                mock.control("POST", "timers/churn/fire", "").await?;
                mock.control("POST", "timers/tick/fire", "").await?;
            }
            6 => {
                mock.control("PATCH", "timers/churn", r#"{"every":"100ms"}"#)
                    .await?;
                let wait = r#"{"direction":"in","name":"list","timeout":"1s"}"#;
                // None may come meanwhile.
                let _ = mock.control("POST", "journal/wait", wait).await;
            }
            _ => {
                mock.control("POST", "send", r#"{"to":{"room":"nobody"},"message":{}}"#)
                    .await?;
                let things = mock.control("GET", "data/things?limit=1000", "").await?;
                ensure!(
                    things.contains("\"total\":50,"),
                    "things are lost: {things:.200}"
                );
                mock.items("connections").await?;
                mock.items("rooms").await?;
            }
        }
        sleep(Duration::from_millis(200 + chance.below(400))).await;
    }
    mock.control("DELETE", "faults", "").await?;
    Ok(())
}
