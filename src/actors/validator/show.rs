//! What the validator tells of itself.

use actix::prelude::*;

use super::{GetSeen, GetValidation, SeenOnPaths, ValidationView, Validator};
use crate::core::{
    event::Category,
    matching::{Alert, AlertRates, Path, PathReport, Unscored, Verdict, Window},
    share::Share,
};

impl Validator {
    fn reports(&mut self) -> [PathReport; Path::ALL.len()] {
        let now = self.began.elapsed();
        Path::ALL.map(|path| self.matcher.report(path, now))
    }

    fn alerts(&self, reports: &[PathReport]) -> Vec<Alert> {
        let settings = self.options.live.load();
        let it = &settings.validation;
        let rates: AlertRates = Category::ALL.map(|category| match category {
            Category::Critical => percent(it.critical_alert),
            Category::Performance => percent(it.performance_alert),
            Category::UserActivity => percent(it.user_activity_alert),
            Category::System => percent(it.system_alert),
            Category::Debug => percent(it.debug_alert),
        });
        reports.iter().flat_map(|report| report.alerts(&rates)).collect()
    }

    fn view(&mut self) -> ValidationView {
        let paths = self.reports();
        ValidationView {
            is_active: self.active,
            began: self.began_at,
            alerts: self.alerts(&paths),
            downs: self.downs.clone(),
            not_kept: self.keeping.dropped(),
            paths,
        }
    }

    /// Brings the metrics to where the matcher is.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    pub(super) fn tell_metrics(&mut self) {
        let reports = self.reports();
        let metrics = &self.options.metrics;
        for report in &reports {
            let path = report.path.name();
            for (verdict, count) in Verdict::NAMES.into_iter().zip(report.totals.by_place()) {
                metrics.validation_verdicts_total.with([path, verdict]).absolute(count);
            }
            for (reason, count) in Unscored::ALL.into_iter().zip(report.reasons) {
                metrics.validation_unscored_total.with([path, reason.name()]).absolute(count);
            }
            for (outcome, count) in report.copies.named() {
                metrics.validation_copies_total.with([path, outcome]).absolute(count);
            }
            metrics.validation_waiting_events.with([path]).set(report.waiting as f64);
            let rate = report.within(Window::Minute).match_rate().unwrap_or(100.0);
            metrics.validation_match_ratio.with([path]).set(rate / 100.0);
        }
        let alerts = self.alerts(&reports);
        for path in Path::ALL {
            for category in Category::ALL {
                let raised = alerts.iter().any(|it| it.path == path && it.category == category);
                let labels = [path.name(), category.as_str()];
                let gauge = self.options.metrics.validation_alert.with(labels);
                gauge.set(f64::from(u8::from(raised)));
            }
        }
    }
}

fn percent(share: Share) -> f64 {
    f64::from(share.millionths()) / 10_000.0
}

impl Handler<GetValidation> for Validator {
    type Result = MessageResult<GetValidation>;

    fn handle(&mut self, _: GetValidation, _: &mut Self::Context) -> Self::Result {
        self.tick();
        MessageResult(self.view())
    }
}

impl Handler<GetSeen> for Validator {
    type Result = MessageResult<GetSeen>;

    fn handle(&mut self, GetSeen(id): GetSeen, _: &mut Self::Context) -> Self::Result {
        self.tick();
        let paths = Path::ALL.map(|path| self.matcher.seen(path, &id));
        MessageResult(SeenOnPaths { paths, began: self.began_at })
    }
}
