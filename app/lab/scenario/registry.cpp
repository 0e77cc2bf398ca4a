#include "app/lab/scenario/api_abuse.h"
#include "app/lab/scenario/mesh.h"
#include "app/lab/scenario/paid_web.h"
#include "app/lab/scenario/player_kit.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/window_story.h"
#include "app/lab/scenario/window_tour.h"
#include "app/lab/scenario/x402.h"

namespace netpas::lab {

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        figure3Scenario(),          fourIspsScenario(),      sixteenIspsScenario(),     storyScenario(),
        upgradeMidstreamScenario(), agentDiesScenario(),     hostilePacketsScenario(),  badInputScenario(),
        dongleScenario(),           modemScenario(),         hijackedHostScenario(),    budgetRaceScenario(),
        overlayBasicsScenario(),    paymentChaosScenario(),  threatsScenario(),         figure2Scenario(),
        overlayOnlyScenario(),      scaleScenario(),         paymentFaultsScenario(),   enterpriseScenario(),
        endpointConfirmsScenario(), settlementScenario(),    measureTruthScenario(),    pathFailureScenario(),
        priceRiseScenario(),        sharingScenario(),       roamingScenario(),         viewerBuysScenario(),
        liarClassScenario(),        mpvButtonScenario(),     guaranteeScenario(),       x402Scenario(),
        vlcButtonScenario(),        browserButtonScenario(), windowTourScenario(),      windowStoryScenario(),
        paidWebScenario(),          apiAbuseScenario(),      forwardingRulesScenario(), meshAgreementsScenario(),
        meshAttacksScenario(),      lyingRouteScenario(),    meshSevenScenario(),       meshChurnScenario(),
        meshSpeedtestScenario(),    meshPricesScenario(),    manyNeighboursScenario(),
    };
    return all;
}

}  // namespace netpas::lab
