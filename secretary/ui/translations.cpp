#include "secretary/ui/translations.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

// A macro that does not work inside a namespace: a library's resources are not there by themselves.
static void addTranslations() { Q_INIT_RESOURCE(translations); }

namespace netpas::ui {

namespace {

void install(const QLocale& locale, const QString& name, const QString& folder) {
    auto* const translator = new QTranslator(QCoreApplication::instance());
    if (translator->load(locale, name, QStringLiteral("_"), folder)) {
        QCoreApplication::installTranslator(translator);
    } else {
        delete translator;
    }
}

}  // namespace

void speak(const QString& language) {
    addTranslations();
    const bool own = language == QLatin1String("de") || language == QLatin1String("en");
    // The numbers of the country where its language is spoken, else those of the language's own.
    if (own && QLocale::system().name().section(u'_', 0, 0) != language) QLocale::setDefault(QLocale(language));
    const QLocale locale = own ? QLocale(language) : QLocale::system();
    install(locale, QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath));
    install(locale, QStringLiteral("netpas-secretary"), QStringLiteral(":/translations"));
}

}  // namespace netpas::ui
