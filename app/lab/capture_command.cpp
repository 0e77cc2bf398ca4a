#include <csignal>
#include <iostream>
#include <thread>

#include "app/lab/capture.h"
#include "app/lab/commands.h"
#include "app/lab/lab.h"
#include "app/lab/netns.h"
#include "app/lab/tools/tools.h"

namespace netpas::lab {

int commandCapture(const std::string& name, const std::string& linkName, const std::string& file, double seconds) {
    const auto lab = chooseLab(name);
    if (!lab) return report(lab.error());
    const auto view = openLab(*lab);
    if (!view) return report(view.error());
    const LinkSpec* link = view->topology.link(linkName);
    if (link == nullptr) {
        std::string names;
        for (const LinkSpec& known : view->topology.links) names += " " + known.name;
        return report({LabErrc::Usage, "no link '" + linkName + "' in lab " + *lab + "; it has:" + names});
    }
    auto writer = PcapWriter::create(file);
    if (!writer) return report(writer.error());
    const InterfacePlan& end = view->plan.links[static_cast<size_t>(link - view->topology.links.data())][0];
    catchToolSignals();
    auto capture = LinkCapture::start(namespaceOf(*lab, end.node), end.name, CaptureFilter::Everything,
                                      [&](const CapturedPacket& packet) { (*writer)->write(packet); });
    if (!capture) return report(capture.error());
    std::cerr << "capturing " << linkName << " at " << end.node << "; Ctrl-C ends it" << std::endl;
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    while (!toolShouldEnd() && namespaceExists(namespaceOf(*lab, end.node)) &&
           (seconds <= 0 || std::chrono::duration<double>(Clock::now() - begin).count() < seconds)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const CaptureStatistics statistics = (*capture)->stop();
    std::cerr << statistics.packets << " packets" << std::endl;
    if (const auto closed = (*writer)->close(); !closed) return report(closed.error());
    if (statistics.lost != 0)
        return report(
            {LabErrc::Evidence, std::to_string(statistics.lost) + " frames were lost; the file is incomplete"});
    return 0;
}

}  // namespace netpas::lab
