// A serial line, or a pseudo-terminal that stands for one.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "core/channel/retry.h"
#include "core/channel/stream_line.h"

namespace netpas::channel {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

namespace {

std::optional<speed_t> speedOf(uint32_t baud) {
    switch (baud) {
    case 9600: return B9600;
    case 19200: return B19200;
    case 38400: return B38400;
    case 57600: return B57600;
    case 115200: return B115200;
    case 230400: return B230400;
    case 460800: return B460800;
    case 921600: return B921600;
    case 1000000: return B1000000;
    case 2000000: return B2000000;
    case 4000000: return B4000000;
    default: return std::nullopt;  // of all numbers, not of an enum
    }
}

// Raw, 8N1, no flow control, no modem lines: every byte as it is.
bool makeRaw(int descriptor, speed_t speed) {
    termios settings{};
    if (::tcgetattr(descriptor, &settings) != 0) return false;
    ::cfmakeraw(&settings);
    settings.c_cflag &= ~static_cast<tcflag_t>(CSTOPB | CRTSCTS | PARENB | HUPCL);
    settings.c_cflag |= CREAD | CLOCAL;
    settings.c_cc[VMIN] = 1;
    settings.c_cc[VTIME] = 0;
    ::cfsetispeed(&settings, speed);
    ::cfsetospeed(&settings, speed);
    return ::tcsetattr(descriptor, TCSANOW, &settings) == 0;
}

class SerialSource final : public LineSource {
public:
    SerialSource(asio::io_context& io, std::string device, uint32_t baud)
        : m_shared(std::make_shared<Shared>(io, std::move(device), baud)) {}
    ~SerialSource() override { stop(); }
    void start(std::function<void(std::shared_ptr<Line>)> onLine,
               std::function<void(const std::string&)> onTrouble) override {
        m_shared->onLine = std::move(onLine);
        m_shared->onTrouble = std::move(onTrouble);
        asio::post(m_shared->io, [shared = m_shared] { shared->attempt(); });
    }
    void again() override { m_shared->later(); }
    void stop() override {
        m_shared->stopped = true;
        m_shared->retry.cancel();
        m_shared->onLine = nullptr;
        m_shared->onTrouble = nullptr;
    }

private:
    struct Shared : std::enable_shared_from_this<Shared> {
        Shared(asio::io_context& context, std::string at, uint32_t rate)
            : io(context), retry(context), device(std::move(at)), baud(rate) {}

        void attempt() {
            if (stopped) return;
            const auto speed = speedOf(baud);
            if (!speed) return failed("no serial line runs at " + std::to_string(baud) + " baud: choose 115200");
            const int descriptor = ::open(device.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
            if (descriptor < 0) {
                const std::string remedy = errno == EACCES ? ": let this user open it (group dialout)"
                                                           : ": plug the device in, or name another";
                return failed("the serial device " + device + " cannot be opened (" + std::strerror(errno) + ")" +
                              remedy);
            }
            if (!makeRaw(descriptor, *speed)) {
                ::close(descriptor);
                return failed(device + " is not a serial device: name another");
            }
            retry.made();
            onLine(lineOver(descriptor));
        }
        std::shared_ptr<Line> lineOver(int descriptor) {
            StreamLine<Descriptor>::Traits traits;
            traits.framing = serialFraming();
            traits.maxPayload = maxSerialPayload;
            traits.onlyOne = true;
            // Closing would wait for bytes that nobody reads.
            traits.beforeClose = [](Descriptor& closing) { ::tcflush(closing.native_handle(), TCOFLUSH); };
            return std::make_shared<StreamLine<Descriptor>>(Descriptor(io, descriptor), std::move(traits));
        }
        void failed(const std::string& why) {
            if (onTrouble) onTrouble(why);
            later();
        }
        void later() {
            if (stopped) return;
            retry.after([weak = weak_from_this()] {
                if (const auto self = weak.lock()) self->attempt();
            });
        }

        asio::io_context& io;
        Retry retry;
        std::string device;
        uint32_t baud;
        std::function<void(std::shared_ptr<Line>)> onLine;
        std::function<void(const std::string&)> onTrouble;
        bool stopped = false;
    };
    std::shared_ptr<Shared> m_shared;
};

}  // namespace

std::unique_ptr<LineSource> serialSource(asio::io_context& io, std::string device, uint32_t baud) {
    return std::make_unique<SerialSource>(io, std::move(device), baud);
}

}  // namespace netpas::channel
