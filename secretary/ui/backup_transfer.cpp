#include "secretary/ui/backup_transfer.h"

#include "secretary/ui/api_link.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr qint64 pieceSize = 40 * 1024;

}  // namespace

void BackupTransfer::end() {
    m_over = true;
    deleteLater();
}

void BackupTransfer::cancel() {
    if (m_over) return;
    emit cancelled();
    end();
}

void BackupTransfer::fail(const QString& trouble) {
    emit failed(trouble);
    end();
}

void BackupTransfer::fail(const ApiReply& reply) {
    fail(reply.hint().isEmpty() ? reply.message() : reply.message() + u'\n' + reply.hint());
}

void BackupDownload::start(const QString& file, const QString& passphrase, bool withIdentity) {
    m_out.setFileName(file);
    m_withIdentity = withIdentity;
    // Before anything is sealed: whether there is a place for it.
    if (!m_out.open(QIODevice::WriteOnly) || !m_out.setPermissions(QFile::ReadOwner | QFile::WriteOwner)) {
        return fail(tr("%1 cannot be written: %2").arg(file, m_out.errorString()));
    }
    emit progressed(0, 0);
    const json body{{"passphrase", passphrase.toStdString()}, {"with_identity", withIdentity}};
    m_link.call("POST", "/v1/backup", body, this, [this](const ApiReply& reply) {
        if (isOver()) return;
        if (!reply.ok()) return fail(reply);
        m_size = textAt(reply.body, "size").toLongLong();
        askNext();
    });
}

void BackupDownload::askNext() {
    const qint64 at = m_out.pos();
    emit progressed(at, m_size);
    if (at >= m_size) {
        if (!m_out.commit()) return fail(tr("%1 cannot be written: %2").arg(m_out.fileName(), m_out.errorString()));
        emit done(m_out.fileName(), m_withIdentity);
        return end();
    }
    m_link.get("/v1/backup/content?offset=" + QString::number(at), this, [this](const ApiReply& reply) {
        if (isOver()) return;
        if (!reply.ok()) return fail(reply);
        if (reply.bytes.isEmpty()) return fail(tr("The backup ended early. Make it once more."));
        if (m_out.write(reply.bytes) != reply.bytes.size()) {
            return fail(tr("%1 cannot be written: %2").arg(m_out.fileName(), m_out.errorString()));
        }
        askNext();
    });
}

void BackupUpload::start(const QString& file, const QString& passphrase, bool force) {
    m_in.setFileName(file);
    m_passphrase = passphrase;
    m_force = force;
    if (!m_in.open(QIODevice::ReadOnly)) return fail(tr("%1 cannot be read: %2").arg(file, m_in.errorString()));
    sendNext();
}

void BackupUpload::sendNext() {
    const qint64 at = m_in.pos();
    emit progressed(at, m_in.size());
    const QByteArray piece = m_in.read(pieceSize);
    if (piece.isEmpty() && at > 0) return restore();
    m_link.put("/v1/restore/content?offset=" + QString::number(at), piece, this, [this, piece](const ApiReply& reply) {
        if (isOver()) return;
        if (!reply.ok()) return fail(reply);
        piece.isEmpty() ? restore() : sendNext();
    });
}

void BackupUpload::restore() {
    emit progressed(0, 0);
    emit pastCancelling();
    const json body{{"passphrase", m_passphrase.toStdString()}, {"force", m_force}};
    m_passphrase.fill(u'\0');
    m_link.call("POST", "/v1/restore", body, this, [this](const ApiReply& reply) {
        if (reply.code() == QLatin1String("CONFLICT") && !m_force) {
            emit occupied(reply.message());
            return end();
        }
        if (!reply.ok()) return fail(reply);
        emit done(reply.body);
        end();
    });
}

}  // namespace netpas::ui
