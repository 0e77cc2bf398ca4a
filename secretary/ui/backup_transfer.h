// A backup on its way between the secretary and a file, piece by piece. Deletes itself when it is over. GUI's thread.
#pragma once

#include <QFile>
#include <QObject>
#include <QSaveFile>
#include <nlohmann/json.hpp>

namespace netpas::ui {

class ApiLink;
struct ApiReply;

class BackupTransfer : public QObject {
    Q_OBJECT

public:
    BackupTransfer(ApiLink& link, QObject* parent) : QObject(parent), m_link(link) {}
    // Nothing of it stays; once it cannot be taken back any more it goes on.
    void cancel();

signals:
    void progressed(qint64 done, qint64 of);  // 0 of 0: it takes a while
    void pastCancelling();
    void failed(const QString& trouble);
    void cancelled();

protected:
    [[nodiscard]] bool isOver() const { return m_over; }
    void end();
    void fail(const ApiReply& reply);
    void fail(const QString& trouble);
    ApiLink& m_link;

private:
    bool m_over = false;
};

// The file appears whole or not at all.
class BackupDownload final : public BackupTransfer {
    Q_OBJECT

public:
    using BackupTransfer::BackupTransfer;
    void start(const QString& file, const QString& passphrase, bool withIdentity);

signals:
    void done(const QString& file, bool withIdentity);

private:
    void askNext();

    QSaveFile m_out;
    qint64 m_size = 0;
    bool m_withIdentity = false;
};

// What is there is replaced in one step at the end.
class BackupUpload final : public BackupTransfer {
    Q_OBJECT

public:
    using BackupTransfer::BackupTransfer;
    void start(const QString& file, const QString& passphrase, bool force);

signals:
    void done(const nlohmann::json& restored);  // of POST /v1/restore
    void occupied(const QString& why);          // something is here, and it was not forced: nothing was changed

private:
    void sendNext();
    void restore();

    QFile m_in;
    QString m_passphrase;
    bool m_force = false;
};

}  // namespace netpas::ui
