#include "secretary/ui/translations.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

// A macro that does not work inside a namespace: a library's resources are not there by themselves.
static void addTranslations() { Q_INIT_RESOURCE(translations); }

namespace netpas::ui {

namespace {

// In the place of an earlier one of this name.
void install(const QLocale& locale, const QString& name, const QString& folder) {
    delete QCoreApplication::instance()->findChild<QTranslator*>(name);
    auto* const translator = new QTranslator(QCoreApplication::instance());
    translator->setObjectName(name);
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
    const bool foreign = own && QLocale::system().name().section(u'_', 0, 0) != language;
    QLocale::setDefault(foreign ? QLocale(language) : QLocale::system());
    const QLocale locale = own ? QLocale(language) : QLocale::system();
    install(locale, QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath));
    install(locale, QStringLiteral("netpas-secretary"), QStringLiteral(":/translations"));
}

}  // namespace netpas::ui
