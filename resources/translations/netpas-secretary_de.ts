<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>ApiWords</name>
    <message>
        <source>requested</source>
        <translation>gewünscht</translation>
    </message>
    <message>
        <source>reserved</source>
        <translation>zurückgelegt</translation>
    </message>
    <message>
        <source>key ready</source>
        <translation>Schlüssel bereit</translation>
    </message>
    <message>
        <source>published</source>
        <translation>angemeldet</translation>
    </message>
    <message>
        <source>active</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>stopping</source>
        <translation>wird beendet</translation>
    </message>
    <message>
        <source>settling</source>
        <translation>wird abgerechnet</translation>
    </message>
    <message>
        <source>settled</source>
        <translation>abgerechnet</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>abgelehnt</translation>
    </message>
    <message>
        <source>disabled</source>
        <translation>ausgeschaltet</translation>
    </message>
    <message>
        <source>used</source>
        <translation>benutzt</translation>
    </message>
    <message>
        <source>expired</source>
        <translation>abgelaufen</translation>
    </message>
    <message>
        <source>app-exited</source>
        <translation>Programm beendet</translation>
    </message>
    <message>
        <source>best effort</source>
        <translation>ohne Bezahlung</translation>
    </message>
    <message>
        <source>thrifty</source>
        <translation>sparsam</translation>
    </message>
    <message>
        <source>enough</source>
        <translation>genug</translation>
    </message>
    <message>
        <source>most</source>
        <translation>am meisten</translation>
    </message>
    <message>
        <source>none: this is what you have</source>
        <translation>keine Änderung: das haben Sie jetzt</translation>
    </message>
    <message>
        <source>not known: too little is promised</source>
        <translation>nicht bekannt: zu wenig ist versprochen</translation>
    </message>
    <message>
        <source>stalls go on: the stream needs more than that</source>
        <translation>es stockt weiter: Der Strom braucht mehr als das</translation>
    </message>
    <message>
        <source>stalls gone: possible</source>
        <translation>kein Stocken mehr: möglich</translation>
    </message>
    <message>
        <source>stalls gone: likely</source>
        <translation>kein Stocken mehr: wahrscheinlich</translation>
    </message>
    <message>
        <source>stopped</source>
        <translation>beendet</translation>
    </message>
    <message>
        <source>cap reached</source>
        <translation>Grenze erreicht</translation>
    </message>
    <message>
        <source>duration over</source>
        <translation>Zeit abgelaufen</translation>
    </message>
    <message>
        <source>agent stopped</source>
        <translation>Agent beendet</translation>
    </message>
    <message>
        <source>agent restarted</source>
        <translation>Agent neu gestartet</translation>
    </message>
    <message>
        <source>refused by the ISP</source>
        <translation>vom Anbieter abgelehnt</translation>
    </message>
    <message>
        <source>ISP unreachable</source>
        <translation>Anbieter nicht erreichbar</translation>
    </message>
    <message>
        <source>data plane failed</source>
        <translation>Datenweg gestört</translation>
    </message>
    <message>
        <source>capture failed</source>
        <translation>Umleitung gestört</translation>
    </message>
    <message>
        <source>refused by the secretary</source>
        <translation>vom Sekretär abgelehnt</translation>
    </message>
    <message>
        <source>no offer</source>
        <translation>kein Angebot</translation>
    </message>
    <message>
        <source>key expired</source>
        <translation>Schlüssel abgelaufen</translation>
    </message>
    <message>
        <source>locked</source>
        <translation>gesperrt</translation>
    </message>
    <message>
        <source>spending paused</source>
        <translation>Ausgeben ruht</translation>
    </message>
    <message>
        <source>agent lost</source>
        <translation>Agent verloren</translation>
    </message>
    <message>
        <source>alarm</source>
        <translation>Alarm</translation>
    </message>
    <message>
        <source>paid</source>
        <translation>bezahlt</translation>
    </message>
    <message>
        <source>payment expired</source>
        <translation>Zahlung verfallen</translation>
    </message>
    <message>
        <source>payment cancelled</source>
        <translation>Zahlung zurückgenommen</translation>
    </message>
    <message>
        <source>payment refused</source>
        <translation>Zahlung abgelehnt</translation>
    </message>
    <message>
        <source>not delivered</source>
        <translation>nicht geliefert</translation>
    </message>
    <message>
        <source>app</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>payee</source>
        <translation>Empfänger</translation>
    </message>
    <message>
        <source>purpose</source>
        <translation>Zweck</translation>
    </message>
    <message>
        <source>node</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>user</source>
        <translation>Benutzer</translation>
    </message>
    <message>
        <source>rule</source>
        <translation>Regel</translation>
    </message>
    <message>
        <source>%1 a day</source>
        <translation>%1 am Tag</translation>
    </message>
    <message>
        <source>%1 a week</source>
        <translation>%1 in der Woche</translation>
    </message>
    <message>
        <source>%1 a month</source>
        <translation>%1 im Monat</translation>
    </message>
    <message>
        <source>%1 in all</source>
        <translation>%1 insgesamt</translation>
    </message>
    <message>
        <source>%1 for everything</source>
        <translation>%1 für alles</translation>
    </message>
    <message>
        <source>%1 without asking</source>
        <translation>%1 ohne zu fragen</translation>
    </message>
    <message>
        <source>%1 for each %2</source>
        <translation>%1 je %2</translation>
    </message>
    <message>
        <source>%1 for %2 %3</source>
        <translation>%1 für %2 %3</translation>
    </message>
    <message>
        <source>advertisement</source>
        <translation>Werbung</translation>
    </message>
    <message>
        <source>article</source>
        <translation>Artikel</translation>
    </message>
    <message>
        <source>audio-call</source>
        <translation>Audioanruf</translation>
    </message>
    <message>
        <source>backup</source>
        <translation>Sicherung</translation>
    </message>
    <message>
        <source>book</source>
        <translation>Buch</translation>
    </message>
    <message>
        <source>call</source>
        <translation>Anruf</translation>
    </message>
    <message>
        <source>comic</source>
        <translation>Comic</translation>
    </message>
    <message>
        <source>conference</source>
        <translation>Konferenz</translation>
    </message>
    <message>
        <source>download</source>
        <translation>Download</translation>
    </message>
    <message>
        <source>film</source>
        <translation>Film</translation>
    </message>
    <message>
        <source>game</source>
        <translation>Spiel</translation>
    </message>
    <message>
        <source>movie</source>
        <translation>Spielfilm</translation>
    </message>
    <message>
        <source>music</source>
        <translation>Musik</translation>
    </message>
    <message>
        <source>present</source>
        <translation>Geschenk</translation>
    </message>
    <message>
        <source>song</source>
        <translation>Lied</translation>
    </message>
    <message>
        <source>video</source>
        <translation>Video</translation>
    </message>
    <message>
        <source>video-call</source>
        <translation>Videoanruf</translation>
    </message>
    <message>
        <source>video-conference</source>
        <translation>Videokonferenz</translation>
    </message>
    <message>
        <source>voice-call</source>
        <translation>Sprachanruf</translation>
    </message>
    <message>
        <source>upstream</source>
        <translation>hinaus</translation>
    </message>
    <message>
        <source>downstream</source>
        <translation>herein</translation>
    </message>
    <message>
        <source>buyer</source>
        <translation>Käufer</translation>
    </message>
    <message>
        <source>seller</source>
        <translation>Verkäufer</translation>
    </message>
    <message>
        <source>asked</source>
        <translation>gefragt</translation>
    </message>
    <message>
        <source>offered</source>
        <translation>angeboten</translation>
    </message>
    <message>
        <source>ending</source>
        <translation>endet</translation>
    </message>
    <message>
        <source>ended</source>
        <translation>beendet</translation>
    </message>
</context>
<context>
    <name>QObject</name>
    <message>
        <source>%1 ms</source>
        <translation>%1 ms</translation>
    </message>
    <message>
        <source>%1 % lost</source>
        <translation>%1 % verloren</translation>
    </message>
    <message>
        <source>%1 Mbit/s</source>
        <translation>%1 Mbit/s</translation>
    </message>
    <message>
        <source>nothing promised</source>
        <translation>nichts versprochen</translation>
    </message>
    <message>
        <source>promised: %1</source>
        <translation>versprochen: %1</translation>
    </message>
    <message>
        <source>at most %1 a minute</source>
        <translation>höchstens %1 pro Minute</translation>
    </message>
</context>
<context>
    <name>Question</name>
    <message>
        <source>A program</source>
        <translation>Ein Programm</translation>
    </message>
    <message>
        <source>%1 on %2</source>
        <translation>%1 auf %2</translation>
    </message>
    <message>
        <source>%1 asks for better quality</source>
        <translation>%1 bittet um bessere Qualität</translation>
    </message>
    <message>
        <source>It does not say what for.</source>
        <translation>Wofür, sagt es nicht.</translation>
    </message>
    <message>
        <source>It says: from %1</source>
        <translation>Es sagt: von %1</translation>
    </message>
    <message>
        <source>It says: for %1</source>
        <translation>Es sagt: für %1</translation>
    </message>
    <message>
        <source>It says: for %1, from %2</source>
        <translation>Es sagt: für %1, von %2</translation>
    </message>
    <message>
        <source>The price is not known.</source>
        <translation>Der Preis ist nicht bekannt.</translation>
    </message>
    <message>
        <source>%1 a minute</source>
        <translation>%1 pro Minute</translation>
    </message>
    <message>
        <source>%1 once</source>
        <translation>einmalig %1</translation>
    </message>
    <message>
        <source>%1, at most %2</source>
        <translation>%1, höchstens %2</translation>
    </message>
</context>
<context>
    <name>RuleWords</name>
    <message>
        <source>up to</source>
        <translation>bis zu</translation>
    </message>
    <message>
        <source>always</source>
        <translation>immer</translation>
    </message>
    <message>
        <source>never pay</source>
        <translation>nie zahlen</translation>
    </message>
    <message>
        <source>never</source>
        <translation>nie</translation>
    </message>
    <message>
        <source>ask</source>
        <translation>fragen</translation>
    </message>
    <message>
        <source>a minute</source>
        <translation>pro Minute</translation>
    </message>
    <message>
        <source>an item</source>
        <translation>pro Stück</translation>
    </message>
    <message>
        <source>each</source>
        <translation>je Stück</translation>
    </message>
    <message>
        <source>whatever a minute costs</source>
        <translation>was auch die Minute kostet</translation>
    </message>
    <message>
        <source>whatever an item costs</source>
        <translation>was auch ein Stück kostet</translation>
    </message>
    <message>
        <source>by the minute</source>
        <translation>nach Minuten</translation>
    </message>
    <message>
        <source>by the item</source>
        <translation>nach Stück</translation>
    </message>
    <message>
        <source>about prices by the minute</source>
        <translation>bei Preisen nach Minuten</translation>
    </message>
    <message>
        <source>about prices by the item</source>
        <translation>bei Preisen nach Stück</translation>
    </message>
    <message>
        <source>for</source>
        <translation>für</translation>
    </message>
    <message>
        <source>for anything</source>
        <translation>für alles</translation>
    </message>
    <message>
        <source>for what has no purpose</source>
        <translation>für Zweckloses</translation>
    </message>
    <message>
        <source>in quality</source>
        <translation>in der Güte</translation>
    </message>
    <message>
        <source>in</source>
        <translation>in</translation>
    </message>
    <message>
        <source>in unknown apps</source>
        <translation>in unbekannten Programmen</translation>
    </message>
    <message>
        <source>with</source>
        <translation>mit</translation>
    </message>
    <message>
        <source>with contact</source>
        <translation>mit Kontakt</translation>
    </message>
    <message>
        <source>with strangers</source>
        <translation>mit Fremden</translation>
    </message>
    <message>
        <source>with nobody of a group</source>
        <translation>mit niemandem aus einer Gruppe</translation>
    </message>
    <message>
        <source>from</source>
        <translation>von</translation>
    </message>
    <message>
        <source>from any site</source>
        <translation>von jeder Website</translation>
    </message>
    <message>
        <source>without a site</source>
        <translation>ohne Website</translation>
    </message>
    <message>
        <source>and its sub-domains</source>
        <translation>und deren Unterseiten</translation>
    </message>
    <message>
        <source>to</source>
        <translation>an</translation>
    </message>
    <message>
        <source>to bare addresses</source>
        <translation>an bloße Adressen</translation>
    </message>
    <message>
        <source>through ISP</source>
        <translation>über Anbieter</translation>
    </message>
    <message>
        <source>by</source>
        <translation>durch</translation>
    </message>
    <message>
        <source>by nobody known</source>
        <translation>durch niemand Bekannten</translation>
    </message>
    <message>
        <source>on</source>
        <translation>auf</translation>
    </message>
    <message>
        <source>on this machine</source>
        <translation>auf diesem Rechner</translation>
    </message>
    <message>
        <source>at most</source>
        <translation>höchstens</translation>
    </message>
    <message>
        <source>a day</source>
        <translation>am Tag</translation>
    </message>
    <message>
        <source>a week</source>
        <translation>in der Woche</translation>
    </message>
    <message>
        <source>a month</source>
        <translation>im Monat</translation>
    </message>
    <message>
        <source>in all</source>
        <translation>insgesamt</translation>
    </message>
    <message>
        <source>once</source>
        <translation>einmal</translation>
    </message>
    <message>
        <source>until</source>
        <translation>bis</translation>
    </message>
    <message>
        <source>until the app exits</source>
        <translation>bis das Programm endet</translation>
    </message>
    <message>
        <source>exits</source>
        <translation>endet</translation>
    </message>
    <message>
        <source>today</source>
        <translation>heute</translation>
    </message>
    <message>
        <source>tomorrow</source>
        <translation>morgen</translation>
    </message>
    <message>
        <source>ask above that</source>
        <translation>darüber fragen</translation>
    </message>
    <message>
        <source>refuse above that</source>
        <translation>darüber ablehnen</translation>
    </message>
    <message>
        <source>ask beyond that</source>
        <translation>darüber hinaus fragen</translation>
    </message>
    <message>
        <source>refuse beyond that</source>
        <translation>darüber hinaus ablehnen</translation>
    </message>
    <message>
        <source>ask about others</source>
        <translation>bei anderen fragen</translation>
    </message>
    <message>
        <source>refuse about others</source>
        <translation>andere ablehnen</translation>
    </message>
    <message>
        <source>every day</source>
        <translation>jeden Tag</translation>
    </message>
    <message>
        <source>on working days</source>
        <translation>an Werktagen</translation>
    </message>
    <message>
        <source>at weekends</source>
        <translation>am Wochenende</translation>
    </message>
    <message>
        <source>on Mondays</source>
        <translation>montags</translation>
    </message>
    <message>
        <source>on Tuesdays</source>
        <translation>dienstags</translation>
    </message>
    <message>
        <source>on Wednesdays</source>
        <translation>mittwochs</translation>
    </message>
    <message>
        <source>on Thursdays</source>
        <translation>donnerstags</translation>
    </message>
    <message>
        <source>on Fridays</source>
        <translation>freitags</translation>
    </message>
    <message>
        <source>on Saturdays</source>
        <translation>samstags</translation>
    </message>
    <message>
        <source>on Sundays</source>
        <translation>sonntags</translation>
    </message>
    <message>
        <source>Tuesdays</source>
        <translation>dienstags</translation>
    </message>
    <message>
        <source>Wednesdays</source>
        <translation>mittwochs</translation>
    </message>
    <message>
        <source>Thursdays</source>
        <translation>donnerstags</translation>
    </message>
    <message>
        <source>Fridays</source>
        <translation>freitags</translation>
    </message>
    <message>
        <source>Saturdays</source>
        <translation>samstags</translation>
    </message>
    <message>
        <source>Sundays</source>
        <translation>sonntags</translation>
    </message>
    <message>
        <source>advertisement</source>
        <translation>Werbung</translation>
    </message>
    <message>
        <source>articles</source>
        <translation>Artikel</translation>
    </message>
    <message>
        <source>audio calls</source>
        <translation>Audioanrufe</translation>
    </message>
    <message>
        <source>books</source>
        <translation>Bücher</translation>
    </message>
    <message>
        <source>calls</source>
        <translation>Anrufe</translation>
    </message>
    <message>
        <source>comics</source>
        <translation>Comics</translation>
    </message>
    <message>
        <source>conferences</source>
        <translation>Konferenzen</translation>
    </message>
    <message>
        <source>downloads</source>
        <translation>Downloads</translation>
    </message>
    <message>
        <source>films</source>
        <translation>Filme</translation>
    </message>
    <message>
        <source>games</source>
        <translation>Spiele</translation>
    </message>
    <message>
        <source>movies</source>
        <translation>Spielfilme</translation>
    </message>
    <message>
        <source>music</source>
        <translation>Musik</translation>
    </message>
    <message>
        <source>songs</source>
        <translation>Lieder</translation>
    </message>
    <message>
        <source>video</source>
        <translation>Video</translation>
    </message>
    <message>
        <source>video calls</source>
        <translation>Videoanrufe</translation>
    </message>
    <message>
        <source>video conferences</source>
        <translation>Videokonferenzen</translation>
    </message>
    <message>
        <source>voice calls</source>
        <translation>Sprachanrufe</translation>
    </message>
    <message>
        <source>from %1 to %2</source>
        <translation>von %1 bis %2 Uhr</translation>
    </message>
</context>
<context>
    <name>Said</name>
    <message>
        <source>No rule is about this.</source>
        <translation>Davon handelt keine Regel.</translation>
    </message>
    <message>
        <source>Rule %1 decides: %2 So %3. %4</source>
        <translation>Regel %1 entscheidet: %2 Also %3. %4</translation>
    </message>
    <message>
        <source>Rule %1 decides: %2 It could cost %3, and of its budget %4 is left, so %5. %6</source>
        <translation>Regel %1 entscheidet: %2 Es könnte %3 kosten, und von ihrem Budget ist noch %4 übrig, also %5. %6</translation>
    </message>
    <message>
        <source>Rule %1 decides: %2 What is offered is %3, so %4. %5</source>
        <translation>Regel %1 entscheidet: %2 Angeboten wird %3, also %4. %5</translation>
    </message>
    <message>
        <source>Rule %1 decides: %2. %3 is within it, so %4. %5</source>
        <translation>Regel %1 entscheidet: %2. %3 liegt darunter, also %4. %5</translation>
    </message>
    <message>
        <source>Rule %1 decides: %2. %3 is above its %4, so %5. %6</source>
        <translation>Regel %1 entscheidet: %2. %3 liegt über ihren %4, also %5. %6</translation>
    </message>
    <message>
        <source>No other rule is about this.</source>
        <translation>Keine andere Regel handelt davon.</translation>
    </message>
    <message>
        <source>Rule %1 comes second (%2): %3.</source>
        <translation>An zweiter Stelle steht Regel %1 (%2): %3.</translation>
    </message>
    <message>
        <source>rule %1 has the higher priority (%2 against %3)</source>
        <translation>Regel %1 hat den höheren Vorrang (%2 gegen %3)</translation>
    </message>
    <message>
        <source>rule %1 names more (%2 against %3)</source>
        <translation>Regel %1 nennt mehr (%2 gegen %3)</translation>
    </message>
    <message>
        <source>rule %1 names something narrower (%2 against %3)</source>
        <translation>Regel %1 nennt Engeres (%2 gegen %3)</translation>
    </message>
    <message>
        <source>rule %1 has the shorter life (%2 against %3)</source>
        <translation>Regel %1 gilt kürzer (%2 gegen %3)</translation>
    </message>
    <message>
        <source>of rules that are alike the stricter decides: refuse before ask before allow</source>
        <translation>unter gleichen Regeln entscheidet die strengere: ablehnen vor fragen vor erlauben</translation>
    </message>
    <message>
        <source>rule %1 is the newer one</source>
        <translation>Regel %1 ist die neuere</translation>
    </message>
    <message>
        <source>it is paid</source>
        <translation>wird bezahlt</translation>
    </message>
    <message>
        <source>you are asked</source>
        <translation>werden Sie gefragt</translation>
    </message>
    <message>
        <source>it is not paid</source>
        <translation>wird nicht bezahlt</translation>
    </message>
    <message>
        <source>it says nothing</source>
        <translation>sagt sie nichts</translation>
    </message>
    <message>
        <source>no known quality</source>
        <translation>keine bekannte Güte</translation>
    </message>
    <message>
        <source>until the app exits</source>
        <translation>bis das Programm endet</translation>
    </message>
    <message>
        <source>purpose</source>
        <translation>Zweck</translation>
    </message>
    <message>
        <source>payee</source>
        <translation>Empfänger</translation>
    </message>
    <message>
        <source>contact</source>
        <translation>Kontakt</translation>
    </message>
    <message>
        <source>group</source>
        <translation>Gruppe</translation>
    </message>
    <message>
        <source>group of sites</source>
        <translation>Gruppe von Websites</translation>
    </message>
    <message>
        <source>site</source>
        <translation>Website</translation>
    </message>
    <message>
        <source>app</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>user</source>
        <translation>Benutzer</translation>
    </message>
    <message>
        <source>device</source>
        <translation>Gerät</translation>
    </message>
    <message>
        <source>times</source>
        <translation>Zeiten</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
    <message>
        <source>From one answer of yours (%1 about exactly this) you pay %2 for this with %3 % probability; your limit lies between %4 and %5.</source>
        <translation>Nach einer Antwort von Ihnen (%1 zu genau diesem) zahlen Sie %2 dafür mit %3 % Wahrscheinlichkeit; Ihre Grenze liegt zwischen %4 und %5.</translation>
    </message>
    <message>
        <source>From %1 answers of yours (%2 about exactly this) you pay %3 for this with %4 % probability; your limit lies between %5 and %6.</source>
        <translation>Nach %1 Antworten von Ihnen (%2 zu genau diesem) zahlen Sie %3 dafür mit %4 % Wahrscheinlichkeit; Ihre Grenze liegt zwischen %5 und %6.</translation>
    </message>
    <message>
        <source>You asked for it, and the whole cap is within the limits.</source>
        <translation>Sie haben es verlangt, und es bleibt ganz in den Grenzen.</translation>
    </message>
    <message>
        <source>You were asked, and approved it.</source>
        <translation>Sie wurden gefragt und haben es erlaubt.</translation>
    </message>
    <message>
        <source>You refused it.</source>
        <translation>Sie haben es abgelehnt.</translation>
    </message>
    <message>
        <source>You said &quot;not now&quot;.</source>
        <translation>Sie sagten „jetzt nicht“.</translation>
    </message>
    <message>
        <source>You said &quot;not now&quot; to this a while ago.</source>
        <translation>Sie sagten dazu vor kurzem „jetzt nicht“.</translation>
    </message>
    <message>
        <source>A person is asked.</source>
        <translation>Jemand wird gefragt.</translation>
    </message>
    <message>
        <source>A person is asked. %1</source>
        <translation>Jemand wird gefragt. %1</translation>
    </message>
    <message>
        <source>Nobody is there to be asked.</source>
        <translation>Niemand ist da, der gefragt werden kann.</translation>
    </message>
    <message>
        <source>Nobody could be asked.</source>
        <translation>Niemand konnte gefragt werden.</translation>
    </message>
    <message>
        <source>Nobody answered before the quote ran out.</source>
        <translation>Niemand antwortete, bevor das Angebot ablief.</translation>
    </message>
    <message>
        <source>The quote has run out.</source>
        <translation>Das Angebot ist abgelaufen.</translation>
    </message>
    <message>
        <source>Too many questions wait for an answer.</source>
        <translation>Zu viele Fragen warten auf Antwort.</translation>
    </message>
    <message>
        <source>What was paid and not spent goes back.</source>
        <translation>Was bezahlt und nicht verbraucht wurde, geht zurück.</translation>
    </message>
    <message>
        <source>The secretary is locked.</source>
        <translation>Der Sekretär ist gesperrt.</translation>
    </message>
    <message>
        <source>the secretary is locked</source>
        <translation>der Sekretär ist gesperrt</translation>
    </message>
    <message>
        <source>the secretary is locked: nothing is spent</source>
        <translation>der Sekretär ist gesperrt: nichts wird ausgegeben</translation>
    </message>
    <message>
        <source>Spending is paused.</source>
        <translation>Ausgaben ruhen.</translation>
    </message>
    <message>
        <source>The cap of %1 is above the limit of %2 for one purchase.</source>
        <translation>Die Höchstsumme von %1 liegt über der Grenze von %2 für einen Kauf.</translation>
    </message>
    <message>
        <source>The budget of %1 for each %2 (%3) has %4 left: %5 are spent and %6 set aside, and this may cost %7.</source>
        <translation>Im Budget von %1 je %2 (%3) sind noch %4: %5 sind ausgegeben, %6 zurückgelegt, und dies kann %7 kosten.</translation>
    </message>
    <message>
        <source>The budget of %1 has %2 left: %3 are spent and %4 set aside, and this may cost %5.</source>
        <translation>Im Budget von %1 sind noch %2: %3 sind ausgegeben, %4 zurückgelegt, und dies kann %5 kosten.</translation>
    </message>
    <message>
        <source>The clock says %1, but it has been %2 already; nothing is spent, for no budget may start twice.</source>
        <translation>Die Uhr sagt %1, aber es war schon %2; nichts wird ausgegeben, denn kein Budget darf zweimal beginnen.</translation>
    </message>
    <message>
        <source>%1 for everything</source>
        <translation>%1 für alles</translation>
    </message>
    <message>
        <source>%1 without asking</source>
        <translation>%1 ohne zu fragen</translation>
    </message>
    <message>
        <source>ask for less, or raise it with `netpas budget set`</source>
        <translation>weniger verlangen, oder das Budget erhöhen (Seite Einstellungen)</translation>
    </message>
    <message>
        <source>the agent is not connected: best effort</source>
        <translation>der Agent ist nicht verbunden: ohne Bezahlung</translation>
    </message>
    <message>
        <source>the agent is not there</source>
        <translation>der Agent ist nicht da</translation>
    </message>
    <message>
        <source>the secretary is not there</source>
        <translation>der Sekretär ist nicht da</translation>
    </message>
    <message>
        <source>netpasd is starting</source>
        <translation>netpasd startet</translation>
    </message>
    <message>
        <source>no ISP was joined</source>
        <translation>Noch ist kein Anbieter eingerichtet</translation>
    </message>
    <message>
        <source>the ISP&apos;s directory does not answer</source>
        <translation>das Verzeichnis des Anbieters antwortet nicht</translation>
    </message>
    <message>
        <source>the ISP&apos;s descriptor is not to be trusted: %1</source>
        <translation>den Angaben des Anbieters ist nicht zu trauen: %1</translation>
    </message>
    <message>
        <source>the prices on the way are not usable</source>
        <translation>die Preise auf dem Weg sind nicht brauchbar</translation>
    </message>
    <message>
        <source>the offer has expired</source>
        <translation>das Angebot ist abgelaufen</translation>
    </message>
    <message>
        <source>the cap does not pay for the smallest slice</source>
        <translation>die Höchstsumme reicht nicht für das kleinste Stück</translation>
    </message>
    <message>
        <source>your ISP knows no way to ISP %1</source>
        <translation>Ihr Anbieter kennt keinen Weg zu Anbieter %1</translation>
    </message>
    <message>
        <source>nothing was paid</source>
        <translation>nichts wurde bezahlt</translation>
    </message>
    <message>
        <source>not an IP address: %1</source>
        <translation>keine IP-Adresse: %1</translation>
    </message>
    <message>
        <source>to is not an IP address</source>
        <translation>das Ziel ist keine IP-Adresse</translation>
    </message>
    <message>
        <source>you may not do this here</source>
        <translation>das dürfen Sie hier nicht</translation>
    </message>
    <message>
        <source>too many requests in a second</source>
        <translation>zu viele Anfragen in einer Sekunde</translation>
    </message>
    <message>
        <source>measurements are shown on the agent&apos;s own machine only</source>
        <translation>Messungen zeigt nur der Rechner des Agenten selbst</translation>
    </message>
    <message>
        <source>a rule begins with &quot;up to&quot;, &quot;always&quot;, &quot;never&quot; or &quot;ask&quot;</source>
        <translation>eine Regel beginnt mit „bis zu“, „immer“, „nie“ oder „fragen“</translation>
    </message>
    <message>
        <source>a limit is &quot;a minute&quot; or &quot;an item&quot;</source>
        <translation>eine Grenze gilt „pro Minute“ oder „pro Stück“</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount</source>
        <translation>„%1“ ist kein Betrag</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no site</source>
        <translation>„%1“ ist keine Website</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no time</source>
        <translation>„%1“ ist keine Zeit</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no ISP</source>
        <translation>„%1“ ist kein Anbieter</translation>
    </message>
    <message>
        <source>&quot;%1&quot; has no meaning here</source>
        <translation>„%1“ bedeutet hier nichts</translation>
    </message>
    <message>
        <source>there is no amount</source>
        <translation>der Betrag fehlt</translation>
    </message>
    <message>
        <source>there is no %1 after &quot;%2&quot;</source>
        <translation>nach „%2“ fehlt etwas: %1</translation>
    </message>
    <message>
        <source>a rule ends only once</source>
        <translation>eine Regel endet nur einmal</translation>
    </message>
    <message>
        <source>only what is allowed has a limit</source>
        <translation>nur was erlaubt ist, hat eine Grenze</translation>
    </message>
    <message>
        <source>a budget is for a day, a week, a month, or in all</source>
        <translation>ein Budget gilt am Tag, in der Woche, im Monat oder insgesamt</translation>
    </message>
    <message>
        <source>write 5¢, 5c, $1.50 or 0.05</source>
        <translation>zum Beispiel 5 ¢, 5 ct, $1,50 oder 0,05</translation>
    </message>
    <message>
        <source>write example.net or *.example.net</source>
        <translation>zum Beispiel example.net oder *.example.net</translation>
    </message>
    <message>
        <source>write today, tomorrow, 18:00, 2026-12-24 or 2026-12-24 18:00</source>
        <translation>zum Beispiel heute, morgen, 18:00, 2026-12-24 oder 2026-12-24 18:00</translation>
    </message>
    <message>
        <source>%1 and %2</source>
        <translation>%1 und %2</translation>
    </message>
    <message>
        <source>the neighbour has not answered yet</source>
        <translation>der Nachbar hat noch nicht geantwortet</translation>
    </message>
    <message>
        <source>it runs; the neighbour forwards as long as it is paid</source>
        <translation>sie läuft; der Nachbar leitet weiter, solange er bezahlt wird</translation>
    </message>
    <message>
        <source>the neighbour owes %1 USD, above the close threshold of %2</source>
        <translation>der Nachbar schuldet %1 USD, mehr als die Sperrschwelle von %2</translation>
    </message>
    <message>
        <source>above the close threshold, but a payment is on its way</source>
        <translation>über der Sperrschwelle, aber eine Zahlung ist unterwegs</translation>
    </message>
    <message>
        <source>it owes %1 USD, above its close threshold</source>
        <translation>er schuldet %1 USD, mehr als seine Sperrschwelle</translation>
    </message>
    <message>
        <source>it has agreed to pay for nothing</source>
        <translation>er hat sich zu keiner Zahlung verpflichtet</translation>
    </message>
    <message>
        <source>%1; the last count is on its way</source>
        <translation>%1; die letzte Zählung ist unterwegs</translation>
    </message>
    <message>
        <source>upstream</source>
        <translation>hinaus</translation>
    </message>
    <message>
        <source>downstream</source>
        <translation>herein</translation>
    </message>
    <message>
        <source>the agent is not there: what it forwarded last, it forwards on</source>
        <translation>der Agent ist nicht da: was er zuletzt weiterleitete, leitet er weiter</translation>
    </message>
    <message>
        <source>the neighbour pays</source>
        <translation>der Nachbar zahlt</translation>
    </message>
    <message>
        <source>the neighbour waits for an answer: netpas agreements accept</source>
        <translation>der Nachbar wartet auf eine Antwort</translation>
    </message>
    <message>
        <source>a payment is on its way</source>
        <translation>eine Zahlung ist unterwegs</translation>
    </message>
    <message>
        <source>it pays</source>
        <translation>er zahlt</translation>
    </message>
    <message>
        <source>there is no such neighbour now</source>
        <translation>diesen Nachbarn gibt es jetzt nicht</translation>
    </message>
    <message>
        <source>the neighbour does not sell %1</source>
        <translation>der Nachbar verkauft das nicht: %1</translation>
    </message>
    <message>
        <source>the neighbour asks %1 USD per kB, more than you would pay</source>
        <translation>der Nachbar verlangt %1 USD pro kB, mehr als Sie zahlen würden</translation>
    </message>
    <message>
        <source>the neighbour&apos;s packets are not counted yet</source>
        <translation>die Pakete des Nachbarn werden noch nicht gezählt</translation>
    </message>
    <message>
        <source>it cannot be accepted any more</source>
        <translation>sie kann nicht mehr angenommen werden</translation>
    </message>
    <message>
        <source>there is no such agreement</source>
        <translation>diese Vereinbarung gibt es nicht</translation>
    </message>
    <message>
        <source>it is over</source>
        <translation>sie ist beendet</translation>
    </message>
    <message>
        <source>one of the two wished it</source>
        <translation>einer von beiden wünschte es</translation>
    </message>
    <message>
        <source>its time was over</source>
        <translation>ihre Zeit war um</translation>
    </message>
    <message>
        <source>its limit was reached</source>
        <translation>ihre Grenze war erreicht</translation>
    </message>
    <message>
        <source>the counts do not agree</source>
        <translation>die Zählungen stimmen nicht überein</translation>
    </message>
    <message>
        <source>a newer one took its place</source>
        <translation>eine neuere trat an ihre Stelle</translation>
    </message>
    <message>
        <source>the offer was not answered in time</source>
        <translation>das Angebot wurde nicht rechtzeitig beantwortet</translation>
    </message>
    <message>
        <source>the quality was not what was claimed</source>
        <translation>die Güte war nicht wie behauptet</translation>
    </message>
    <message>
        <source>the neighbour was not heard of any more</source>
        <translation>vom Nachbarn war nichts mehr zu hören</translation>
    </message>
    <message>
        <source>no ISP was joined that could carry payments</source>
        <translation>es ist kein Anbieter beigetreten, der Zahlungen überbringen könnte</translation>
    </message>
    <message>
        <source>these packets are paid for by the other direction&apos;s agreement, or the limit is below the close threshold, or there are too many agreements</source>
        <translation>diese Pakete bezahlt schon die Vereinbarung der anderen Richtung, oder die Grenze liegt unter der Sperrschwelle, oder es gibt zu viele Vereinbarungen</translation>
    </message>
    <message>
        <source>nobody waits for an answer to it</source>
        <translation>niemand wartet auf eine Antwort darauf</translation>
    </message>
    <message>
        <source>there is no such offer now</source>
        <translation>dieses Angebot gibt es jetzt nicht</translation>
    </message>
    <message>
        <source>only the owner, or who offered it, ends an agreement</source>
        <translation>nur der Besitzer, oder wer sie anbot, beendet eine Vereinbarung</translation>
    </message>
    <message>
        <source>the books cannot be written: nothing is agreed or paid any more</source>
        <translation>die Bücher können nicht geschrieben werden: nichts wird mehr vereinbart oder bezahlt</translation>
    </message>
    <message>
        <source>nothing is sold: this node cannot be paid (netpas receive on)</source>
        <translation>nichts wird verkauft: dieser Rechner kann kein Geld bekommen (netpas receive on)</translation>
    </message>
    <message>
        <source>nothing is bought: no ISP was joined that could carry payments (netpas join)</source>
        <translation>nichts wird gekauft: kein Anbieter, der Zahlungen überbringen könnte, ist beigetreten (netpas join)</translation>
    </message>
    <message>
        <source>that is not the passphrase; nothing was spent, try again</source>
        <translation>das ist nicht die Passphrase; nichts wurde ausgegeben, versuchen Sie es noch einmal</translation>
    </message>
    <message>
        <source>too soon after a wrong passphrase; wait two seconds</source>
        <translation>zu bald nach einer falschen Passphrase; warten Sie zwei Sekunden</translation>
    </message>
    <message>
        <source>try again in two seconds</source>
        <translation>versuchen Sie es in zwei Sekunden noch einmal</translation>
    </message>
    <message>
        <source>a passphrase has 8 to 1024 bytes</source>
        <translation>eine Passphrase hat 8 bis 1024 Byte</translation>
    </message>
    <message>
        <source>the secretary is locked; unlock it with `netpas unlock`</source>
        <translation>der Sekretär ist gesperrt; `netpas unlock` entsperrt ihn</translation>
    </message>
    <message>
        <source>there is no passphrase; set one with `netpas passphrase set`</source>
        <translation>es gibt keine Passphrase; `netpas passphrase set` setzt eine</translation>
    </message>
    <message>
        <source>a file of the secretary cannot be read; see `netpas doctor`</source>
        <translation>eine Datei des Sekretärs kann nicht gelesen werden; siehe `netpas doctor`</translation>
    </message>
    <message>
        <source>a file of the secretary cannot be written; free disk space, or see `netpas doctor`</source>
        <translation>eine Datei des Sekretärs kann nicht geschrieben werden; schaffen Sie Platz auf der Platte, oder siehe `netpas doctor`</translation>
    </message>
    <message>
        <source>a file of the secretary is damaged</source>
        <translation>eine Datei des Sekretärs ist beschädigt</translation>
    </message>
    <message>
        <source>written by a newer version of this program; install that version</source>
        <translation>von einer neueren Version dieses Programms geschrieben; installieren Sie diese</translation>
    </message>
    <message>
        <source>not enough memory to derive the key; end some programs, then try again</source>
        <translation>zu wenig Arbeitsspeicher, um den Schlüssel zu berechnen; beenden Sie Programme und versuchen Sie es noch einmal</translation>
    </message>
    <message>
        <source>the database is there, but the file with its key is not</source>
        <translation>die Datenbank ist da, aber die Datei mit ihrem Schlüssel nicht</translation>
    </message>
    <message>
        <source>the database is gone or empty, and with it what was spent; nothing is spent</source>
        <translation>die Datenbank ist verschwunden oder leer, und mit ihr, was ausgegeben wurde; nichts wird ausgegeben</translation>
    </message>
    <message>
        <source>another operation on the vault is under way</source>
        <translation>anderes an den Geheimnissen ist gerade im Gange</translation>
    </message>
    <message>
        <source>try again when it has ended</source>
        <translation>versuchen Sie es danach noch einmal</translation>
    </message>
    <message>
        <source>there is no identity yet</source>
        <translation>es gibt noch keine Identität</translation>
    </message>
    <message>
        <source>another identity is here, and its recovery words may not have been written down</source>
        <translation>hier ist eine andere Identität, und ihre Wiederherstellungswörter sind vielleicht nicht aufgeschrieben</translation>
    </message>
    <message>
        <source>the present history, rules and contacts would be replaced</source>
        <translation>Verlauf, Regeln und Kontakte von jetzt würden ersetzt</translation>
    </message>
    <message>
        <source>the backup cannot be read: check its name and its owner</source>
        <translation>die Sicherung kann nicht gelesen werden: prüfen Sie ihren Namen und Besitzer</translation>
    </message>
    <message>
        <source>this is no backup of NetPaS: choose another file</source>
        <translation>das ist keine Sicherung von NetPaS: wählen Sie eine andere Datei</translation>
    </message>
    <message>
        <source>that is not the passphrase of this backup, or the backup is damaged</source>
        <translation>das ist nicht die Passphrase dieser Sicherung, oder die Sicherung ist beschädigt</translation>
    </message>
    <message>
        <source>the backup is damaged or cut short: take another copy of it</source>
        <translation>die Sicherung ist beschädigt oder abgeschnitten: nehmen Sie eine andere Kopie</translation>
    </message>
    <message>
        <source>the backup is damaged: take another copy of it</source>
        <translation>die Sicherung ist beschädigt: nehmen Sie eine andere Kopie</translation>
    </message>
    <message>
        <source>the backup&apos;s database is damaged</source>
        <translation>die Datenbank der Sicherung ist beschädigt</translation>
    </message>
    <message>
        <source>there are 24 recovery words; these are %1</source>
        <translation>es gibt 24 Wiederherstellungswörter; dies sind %1</translation>
    </message>
    <message>
        <source>word %1 is not in the list; is it &quot;%2&quot;?</source>
        <translation>Wort %1 steht nicht in der Liste; ist es „%2“?</translation>
    </message>
    <message>
        <source>word %1 is not in the list</source>
        <translation>Wort %1 steht nicht in der Liste</translation>
    </message>
    <message>
        <source>all words are in the list, but they do not belong together: one is another word, or two changed places</source>
        <translation>alle Wörter stehen in der Liste, aber sie gehören nicht zusammen: eines ist ein anderes, oder zwei sind vertauscht</translation>
    </message>
    <message>
        <source>look at the paper again, word by word</source>
        <translation>sehen Sie auf dem Papier noch einmal nach, Wort für Wort</translation>
    </message>
    <message>
        <source>the identity cannot be stored: free disk space, or see `netpas doctor`</source>
        <translation>die Identität kann nicht gespeichert werden: schaffen Sie Platz auf der Platte, oder siehe `netpas doctor`</translation>
    </message>
    <message>
        <source>the stored identity is damaged: `netpas restore --words` brings it back from the recovery words</source>
        <translation>die gespeicherte Identität ist beschädigt: `netpas restore --words` holt sie aus den Wiederherstellungswörtern zurück</translation>
    </message>
    <message>
        <source>use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you</source>
        <translation>geben Sie https://ADRESSE:PORT/#SCHLÜSSEL genau so ein, wie Ihr Anbieter es Ihnen gab</translation>
    </message>
    <message>
        <source>ask your ISP for its current join address</source>
        <translation>fragen Sie Ihren Anbieter nach seiner jetzigen Beitrittsadresse</translation>
    </message>
    <message>
        <source>ask your ISP whether this line is its customer&apos;s</source>
        <translation>fragen Sie Ihren Anbieter, ob dieser Anschluss der eines Kunden ist</translation>
    </message>
    <message>
        <source>set this machine&apos;s clock, then try again</source>
        <translation>stellen Sie die Uhr dieses Rechners und versuchen Sie es noch einmal</translation>
    </message>
    <message>
        <source>purchases with the present ISP are not settled yet</source>
        <translation>Käufe beim jetzigen Anbieter sind noch nicht abgerechnet</translation>
    </message>
    <message>
        <source>the ISP cannot be remembered</source>
        <translation>der Anbieter kann nicht gespeichert werden</translation>
    </message>
    <message>
        <source>the agent has fetched another ISP&apos;s documents</source>
        <translation>der Agent hat die Unterlagen eines anderen Anbieters geholt</translation>
    </message>
    <message>
        <source>check the connection, then try again</source>
        <translation>prüfen Sie die Verbindung und versuchen Sie es noch einmal</translation>
    </message>
    <message>
        <source>the directory at %1 does not answer: %2</source>
        <translation>das Verzeichnis unter %1 antwortet nicht: %2</translation>
    </message>
    <message>
        <source>the directory at %1 has another key than expected</source>
        <translation>das Verzeichnis unter %1 hat einen anderen Schlüssel als erwartet</translation>
    </message>
    <message>
        <source>the directory at %1 does not serve this: %2</source>
        <translation>das Verzeichnis unter %1 gibt das nicht heraus: %2</translation>
    </message>
    <message>
        <source>no paid path to %1 is known</source>
        <translation>kein bezahlter Weg zu %1 ist bekannt</translation>
    </message>
    <message>
        <source>ISP %1 is on the way, but it publishes no menu</source>
        <translation>Anbieter %1 liegt auf dem Weg, veröffentlicht aber keine Preise</translation>
    </message>
    <message>
        <source>ISP %1 is on the way, but its directory is not known</source>
        <translation>Anbieter %1 liegt auf dem Weg, aber sein Verzeichnis ist nicht bekannt</translation>
    </message>
    <message>
        <source>ISP %1 asks more than a packet can carry</source>
        <translation>Anbieter %1 verlangt mehr, als ein Paket tragen kann</translation>
    </message>
    <message>
        <source>ISP %1 offers no class at all</source>
        <translation>Anbieter %1 bietet gar keine Klasse an</translation>
    </message>
    <message>
        <source>no way there costs %1 a packet or less</source>
        <translation>kein Weg dorthin kostet %1 pro Paket oder weniger</translation>
    </message>
    <message>
        <source>no way can be bought</source>
        <translation>kein Weg kann gekauft werden</translation>
    </message>
    <message>
        <source>the offer does not hold any more</source>
        <translation>das Angebot gilt nicht mehr</translation>
    </message>
    <message>
        <source>the prices of the quote are not valid any more</source>
        <translation>die Preise des Angebots gelten nicht mehr</translation>
    </message>
    <message>
        <source>ask again</source>
        <translation>fragen Sie noch einmal</translation>
    </message>
    <message>
        <source>no fresh session key could be made</source>
        <translation>es ließ sich kein neuer Sitzungsschlüssel machen</translation>
    </message>
    <message>
        <source>the flow goes best effort; try again later</source>
        <translation>es läuft wie ohne Bezahlung; versuchen Sie es später noch einmal</translation>
    </message>
    <message>
        <source>the flow goes best effort</source>
        <translation>es läuft wie ohne Bezahlung</translation>
    </message>
    <message>
        <source>too many purchases are open</source>
        <translation>zu viele Käufe sind offen</translation>
    </message>
    <message>
        <source>stop some of them, or wait until they have ended</source>
        <translation>beenden Sie einige oder warten Sie, bis sie enden</translation>
    </message>
    <message>
        <source>stop some of them</source>
        <translation>beenden Sie einige</translation>
    </message>
    <message>
        <source>this flow is bought already</source>
        <translation>dafür ist schon gekauft</translation>
    </message>
    <message>
        <source>see `netpas purchases`, or `netpas stop` the other one first</source>
        <translation>siehe `netpas purchases`, oder beenden Sie zuerst den anderen Kauf</translation>
    </message>
    <message>
        <source>that purchase is over</source>
        <translation>dieser Kauf ist zu Ende</translation>
    </message>
    <message>
        <source>there is no purchase %1</source>
        <translation>es gibt keinen Kauf %1</translation>
    </message>
    <message>
        <source>there is no question %1</source>
        <translation>es gibt keine Frage %1</translation>
    </message>
    <message>
        <source>A minute at %1 does not pay for the seller&apos;s smallest slice of %2.</source>
        <translation>Eine Minute zu %1 bezahlt das kleinste Stück des Verkäufers nicht, das %2 kostet.</translation>
    </message>
    <message>
        <source>ask for a larger cap, or for a shorter time</source>
        <translation>erlauben Sie mehr oder kaufen Sie für kürzer</translation>
    </message>
    <message>
        <source>a slice was not paid: %1</source>
        <translation>ein Stück wurde nicht bezahlt: %1</translation>
    </message>
    <message>
        <source>the seller refuses: %1</source>
        <translation>der Verkäufer lehnt ab: %1</translation>
    </message>
    <message>
        <source>the seller does not say how the order stands</source>
        <translation>der Verkäufer sagt nicht, wie es um die Bestellung steht</translation>
    </message>
    <message>
        <source>the seller has ended it: %1</source>
        <translation>der Verkäufer hat es beendet: %1</translation>
    </message>
    <message>
        <source>the seller charges more for a packet than it offered</source>
        <translation>der Verkäufer verlangt mehr für ein Paket, als er anbot</translation>
    </message>
    <message>
        <source>not delivered: the seller charged for %1 packets, %2 arrived</source>
        <translation>nicht geliefert: der Verkäufer berechnete %1 Pakete, %2 kamen an</translation>
    </message>
    <message>
        <source>incoming packets cannot be bought for here</source>
        <translation>für ankommende Pakete kann hier nicht gekauft werden</translation>
    </message>
    <message>
        <source>purchase %1: the ISP states %2, counted here %3</source>
        <translation>Kauf %1: der Anbieter berechnet %2, hier gezählt wurden %3</translation>
    </message>
    <message>
        <source>the ISP states %1, counted here %2</source>
        <translation>der Anbieter berechnet %1, hier gezählt wurden %2</translation>
    </message>
    <message>
        <source>the ISP knows no such key: nothing is owed</source>
        <translation>der Anbieter kennt diesen Schlüssel nicht: nichts ist zu zahlen</translation>
    </message>
    <message>
        <source>there is no such contact</source>
        <translation>diesen Kontakt gibt es nicht</translation>
    </message>
    <message>
        <source>contact %1: the name belongs to contact %2</source>
        <translation>Kontakt %1: der Name gehört schon Kontakt %2</translation>
    </message>
    <message>
        <source>contact %1: payee %2 belongs to contact %3</source>
        <translation>Kontakt %1: Empfänger %2 gehört schon Kontakt %3</translation>
    </message>
    <message>
        <source>contact %1: domain %2 belongs to contact %3</source>
        <translation>Kontakt %1: %2 gehört schon Kontakt %3</translation>
    </message>
    <message>
        <source>contact %1: address %2 belongs to contact %3</source>
        <translation>Kontakt %1: Adresse %2 gehört schon Kontakt %3</translation>
    </message>
    <message>
        <source>a name is 1 to 128 bytes of plain text</source>
        <translation>ein Name ist einfacher Text von 1 bis 128 Byte</translation>
    </message>
    <message>
        <source>give it such a name</source>
        <translation>geben Sie ihm so einen Namen</translation>
    </message>
    <message>
        <source>a group is 1 to 64 bytes of plain text</source>
        <translation>eine Gruppe ist einfacher Text von 1 bis 64 Byte</translation>
    </message>
    <message>
        <source>rename or remove the group</source>
        <translation>benennen Sie die Gruppe um oder entfernen Sie sie</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is not a domain name</source>
        <translation>„%1“ ist keine Website</translation>
    </message>
    <message>
        <source>give it like example.net, without https:// and without a path</source>
        <translation>schreiben Sie sie wie example.net, ohne https:// und ohne Pfad</translation>
    </message>
    <message>
        <source>give domains like example.net, without https:// and without a path</source>
        <translation>schreiben Sie Websites wie example.net, ohne https:// und ohne Pfad</translation>
    </message>
    <message>
        <source>the contacts cannot be written; nothing was changed</source>
        <translation>die Kontakte können nicht gespeichert werden; nichts wurde geändert</translation>
    </message>
    <message>
        <source>there are 10000 contacts already</source>
        <translation>es gibt schon 10000 Kontakte</translation>
    </message>
    <message>
        <source>a budget below zero</source>
        <translation>ein Budget unter null</translation>
    </message>
    <message>
        <source>give an amount such as 0.50</source>
        <translation>geben Sie einen Betrag ein, etwa 0.50</translation>
    </message>
    <message>
        <source>that limit is the administrator&apos;s</source>
        <translation>diese Grenze setzt die Verwaltung des Rechners</translation>
    </message>
    <message>
        <source>restart netpasd with another limit</source>
        <translation>starten Sie netpasd mit einer anderen Grenze</translation>
    </message>
    <message>
        <source>ask for less, or restart netpasd with a higher limit</source>
        <translation>verlangen Sie weniger, oder starten Sie netpasd mit einer höheren Grenze</translation>
    </message>
    <message>
        <source>there is no such budget</source>
        <translation>dieses Budget gibt es nicht</translation>
    </message>
    <message>
        <source>the budget cannot be written</source>
        <translation>das Budget kann nicht gespeichert werden</translation>
    </message>
    <message>
        <source>set the clock right, or say that it is with `netpas budget accept-clock`</source>
        <translation>stellen Sie die Uhr richtig, oder bestätigen Sie sie mit `netpas budget accept-clock`</translation>
    </message>
    <message>
        <source>plug it in or start it; everything goes best effort meanwhile</source>
        <translation>stecken Sie ihn an oder starten Sie ihn; so lange läuft alles wie ohne Bezahlung</translation>
    </message>
    <message>
        <source>on the modem: netpas status; then try again</source>
        <translation>auf dem Modem: netpas status; dann noch einmal</translation>
    </message>
    <message>
        <source>the secretary is not there: %1</source>
        <translation>der Sekretär ist nicht da: %1</translation>
    </message>
    <message>
        <source>too many requests wait</source>
        <translation>zu viele Anfragen warten</translation>
    </message>
    <message>
        <source>try again in a moment</source>
        <translation>versuchen Sie es gleich noch einmal</translation>
    </message>
    <message>
        <source>the ledger cannot be written</source>
        <translation>das Kassenbuch kann nicht geschrieben werden</translation>
    </message>
    <message>
        <source>the books cannot be written</source>
        <translation>die Bücher können nicht geschrieben werden</translation>
    </message>
    <message>
        <source>free disk space</source>
        <translation>schaffen Sie Platz auf der Platte</translation>
    </message>
    <message>
        <source>free some disk space</source>
        <translation>schaffen Sie Platz auf der Platte</translation>
    </message>
    <message>
        <source>free some disk space, then restart netpasd</source>
        <translation>schaffen Sie Platz auf der Platte und starten Sie netpasd neu</translation>
    </message>
    <message>
        <source>ask the owner of this machine</source>
        <translation>fragen Sie den Besitzer dieses Rechners</translation>
    </message>
    <message>
        <source>%1; the last payment failed: %2</source>
        <translation>%1; die letzte Zahlung ist gescheitert: %2</translation>
    </message>
    <message>
        <source>%1; a payment waits: %2</source>
        <translation>%1; eine Zahlung wartet: %2</translation>
    </message>
    <message>
        <source>%1; a payment is on its way</source>
        <translation>%1; eine Zahlung ist unterwegs</translation>
    </message>
    <message>
        <source>you are asked: %1</source>
        <translation>Sie werden gefragt: %1</translation>
    </message>
    <message>
        <source>this node owes %1 USD, above the close threshold of %2</source>
        <translation>dieser Knoten schuldet %1 USD, mehr als die Sperrschwelle von %2</translation>
    </message>
    <message>
        <source>the books cannot be written: what was forwarded last is forwarded on</source>
        <translation>die Bücher können nicht geschrieben werden: was zuletzt weitergeleitet wurde, wird weitergeleitet</translation>
    </message>
    <message>
        <source>somebody else has agreed about this with the neighbour</source>
        <translation>jemand anderes hat darüber mit dem Nachbarn eine Vereinbarung</translation>
    </message>
    <message>
        <source>wait until that has ended; the owner may end or replace it</source>
        <translation>warten Sie, bis sie endet; der Besitzer kann sie beenden oder ersetzen</translation>
    </message>
    <message>
        <source>the neighbour refused the offer: %1</source>
        <translation>der Nachbar hat das Angebot abgelehnt: %1</translation>
    </message>
    <message>
        <source>this direction is not for sale</source>
        <translation>diese Richtung wird nicht verkauft</translation>
    </message>
    <message>
        <source>the price is below what is asked now</source>
        <translation>der Preis liegt unter dem, was jetzt verlangt wird</translation>
    </message>
    <message>
        <source>the terms are not what the seller takes</source>
        <translation>zu diesen Bedingungen verkauft er nicht</translation>
    </message>
    <message>
        <source>these packets are paid for by the other direction&apos;s agreement</source>
        <translation>diese Pakete bezahlt die Vereinbarung der anderen Richtung</translation>
    </message>
    <message>
        <source>the seller has too many agreements</source>
        <translation>der Verkäufer hat zu viele Vereinbarungen</translation>
    </message>
    <message>
        <source>what is due must be paid first</source>
        <translation>zuerst muss bezahlt werden, was fällig ist</translation>
    </message>
    <message>
        <source>the neighbour knows no such agreement</source>
        <translation>der Nachbar kennt keine solche Vereinbarung</translation>
    </message>
</context>
<context>
    <name>netpas::ui::AgreementsPage</name>
    <message>
        <source>%1 per kB</source>
        <translation>%1 pro kB</translation>
    </message>
    <message>
        <source>not sold</source>
        <translation>nicht verkauft</translation>
    </message>
    <message>
        <source>%1 Mbit/s</source>
        <translation>%1 Mbit/s</translation>
    </message>
    <message>
        <source>%1 % arrive</source>
        <translation>%1 % kommen an</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>ja</translation>
    </message>
    <message>
        <source>no</source>
        <translation>nein</translation>
    </message>
    <message>
        <source>neighbours</source>
        <translation>Nachbarn</translation>
    </message>
    <message>
        <source>Neighbour</source>
        <translation>Nachbar</translation>
    </message>
    <message>
        <source>Link</source>
        <translation>Leitung</translation>
    </message>
    <message>
        <source>Asks upstream</source>
        <translation>Verlangt hinaus</translation>
    </message>
    <message>
        <source>Asks downstream</source>
        <translation>Verlangt herein</translation>
    </message>
    <message>
        <source>Measured there</source>
        <translation>Gemessen hin</translation>
    </message>
    <message>
        <source>Measured back</source>
        <translation>Gemessen zurück</translation>
    </message>
    <message>
        <source>Passes</source>
        <translation>Leitet</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>Warum</translation>
    </message>
    <message>
        <source>Buy &amp;upstream…</source>
        <translation>&amp;Hinaus kaufen…</translation>
    </message>
    <message>
        <source>Buy &amp;downstream…</source>
        <translation>He&amp;rein kaufen…</translation>
    </message>
    <message>
        <source>agreements</source>
        <translation>Vereinbarungen</translation>
    </message>
    <message>
        <source>Direction</source>
        <translation>Richtung</translation>
    </message>
    <message>
        <source>Role</source>
        <translation>Rolle</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Price</source>
        <translation>Preis</translation>
    </message>
    <message>
        <source>Promised</source>
        <translation>Versprochen</translation>
    </message>
    <message>
        <source>Measured</source>
        <translation>Gemessen</translation>
    </message>
    <message>
        <source>Verified</source>
        <translation>Geprüft</translation>
    </message>
    <message>
        <source>You owe</source>
        <translation>Sie schulden</translation>
    </message>
    <message>
        <source>Owed to you</source>
        <translation>Ihnen geschuldet</translation>
    </message>
    <message>
        <source>&amp;Accept…</source>
        <translation>Annehm&amp;en…</translation>
    </message>
    <message>
        <source>&amp;End…</source>
        <translation>Be&amp;enden…</translation>
    </message>
    <message>
        <source>This secretary does not know of neighbours.</source>
        <translation>Dieser Sekretär weiß nichts von Nachbarn.</translation>
    </message>
    <message>
        <source>This machine passes on nothing for neighbours, and buys nothing from them: netpasd was started without --mesh.</source>
        <translation>Dieser Rechner leitet nichts für Nachbarn weiter und kauft nichts von ihnen: netpasd wurde ohne --mesh gestartet.</translation>
    </message>
    <message>
        <source>No neighbour has been heard of on the links here.</source>
        <translation>Auf den Leitungen hier war noch kein Nachbar zu hören.</translation>
    </message>
    <message>
        <source>Neighbours on the links here, and what they ask.</source>
        <translation>Nachbarn auf den Leitungen hier und was sie verlangen.</translation>
    </message>
    <message>
        <source>There are no agreements with neighbours.</source>
        <translation>Es gibt keine Vereinbarungen mit Nachbarn.</translation>
    </message>
    <message>
        <source>Agreements</source>
        <translation>Vereinbarungen</translation>
    </message>
    <message>
        <source>Shall %1 be paid %2 for passing on what this machine sends?</source>
        <translation>Soll %1 für das Weiterleiten dessen, was dieser Rechner sendet, %2 bekommen?</translation>
    </message>
    <message>
        <source>Shall %1 be paid %2 for passing on what is for this machine?</source>
        <translation>Soll %1 für das Weiterleiten dessen, was für diesen Rechner ist, %2 bekommen?</translation>
    </message>
    <message>
        <source>&amp;Buy</source>
        <translation>&amp;Kaufen</translation>
    </message>
    <message>
        <source>The agreement is offered.</source>
        <translation>Die Vereinbarung ist angeboten.</translation>
    </message>
    <message>
        <source>&amp;End it</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;Accept it</source>
        <translation>&amp;Annehmen</translation>
    </message>
    <message>
        <source>The agreement ends.</source>
        <translation>Die Vereinbarung endet.</translation>
    </message>
    <message>
        <source>The agreement is accepted.</source>
        <translation>Die Vereinbarung ist angenommen.</translation>
    </message>
    <message>
        <source>Neighbours</source>
        <translation>Nachbarn</translation>
    </message>
    <message>
        <source>&amp;Leave it</source>
        <translation>&amp;Lassen</translation>
    </message>
    <message>
        <source>Shall the agreement be accepted? %1 buys %2 from you: its packets are then passed on, for %3.</source>
        <translation>Soll die Vereinbarung angenommen werden? %1 kauft von Ihnen „%2“: dann werden dessen Pakete weitergeleitet, für %3.</translation>
    </message>
    <message>
        <source>Shall the offer be turned down? %1 would buy %2 from you, for %3.</source>
        <translation>Soll das Angebot abgelehnt werden? %1 würde von Ihnen „%2“ kaufen, für %3.</translation>
    </message>
    <message>
        <source>Shall the agreement end? You buy %2 from %1, for %3. What is owed is still paid; packets are not passed on any more.</source>
        <translation>Soll die Vereinbarung enden? Sie kaufen „%2“ von %1, für %3. Geschuldetes wird noch bezahlt; Pakete werden nicht mehr weitergeleitet.</translation>
    </message>
    <message>
        <source>Shall the agreement end? %1 buys %2 from you, for %3. What is owed is still paid; packets are not passed on any more.</source>
        <translation>Soll die Vereinbarung enden? %1 kauft von Ihnen „%2“, für %3. Geschuldetes wird noch bezahlt; Pakete werden nicht mehr weitergeleitet.</translation>
    </message>
    <message>
        <source>&amp;Turn it down</source>
        <translation>Ab&amp;lehnen</translation>
    </message>
    <message>
        <source>The offer is turned down.</source>
        <translation>Das Angebot ist abgelehnt.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::ApiLink</name>
    <message>
        <source>Who answers at %1 is not the agent that this machine was paired with.</source>
        <translation>Wer unter %1 antwortet, ist nicht der Agent, mit dem dieser Rechner gekoppelt wurde.</translation>
    </message>
    <message>
        <source>netpasd broke the connection off.</source>
        <translation>netpasd hat die Verbindung abgebrochen.</translation>
    </message>
    <message>
        <source>The agent at %1 does not answer.</source>
        <translation>Der Agent unter %1 antwortet nicht.</translation>
    </message>
    <message>
        <source>on that machine: systemctl status netpasd</source>
        <translation>auf jenem Rechner: systemctl status netpasd</translation>
    </message>
    <message>
        <source>You may not use %1.</source>
        <translation>Sie dürfen %1 nicht benutzen.</translation>
    </message>
    <message>
        <source>sudo adduser &quot;$USER&quot; netpas, then log in again</source>
        <translation>sudo adduser &quot;$USER&quot; netpas, dann neu anmelden</translation>
    </message>
    <message>
        <source>netpasd is not running.</source>
        <translation>netpasd läuft nicht.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupDownload</name>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation>%1 kann nicht geschrieben werden: %2</translation>
    </message>
    <message>
        <source>The backup ended early. Make it once more.</source>
        <translation>Die Sicherung brach zu früh ab. Bitte noch einmal sichern.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupPage</name>
    <message>
        <source>A backup file restores what you decided and what happened</source>
        <translation>Eine Sicherung stellt wieder her, was Sie entschieden haben und was geschah</translation>
    </message>
    <message>
        <source>Rules, contacts, budgets, agreements, what was learnt, the history, and payments that are not settled yet. It is sealed with a passphrase of its own. Your identity is in it only if you ask for that.</source>
        <translation>Regeln, Kontakte, Budgets, Vereinbarungen, Gelerntes, den Verlauf und noch nicht abgerechnete Zahlungen. Sie ist mit einer eigenen Passphrase versiegelt. Ihre Identität enthält sie nur, wenn Sie das wünschen.</translation>
    </message>
    <message>
        <source>&amp;Make a backup…</source>
        <translation>&amp;Sichern…</translation>
    </message>
    <message>
        <source>&amp;Restore a backup…</source>
        <translation>Sicherung &amp;wiederherstellen…</translation>
    </message>
    <message>
        <source>Recovery words restore who you are</source>
        <translation>Wiederherstellungswörter stellen Ihre Identität wieder her</translation>
    </message>
    <message>
        <source>By your identity your ISP knows its customer, and payees know you. The words, on paper, bring it back on any machine, and nothing else: no rules, no history, no money. Whoever reads them can be you.</source>
        <translation>An der Identität erkennt Ihr Anbieter seinen Kunden und erkennen Empfänger Sie. Die Wörter auf Papier bringen sie auf jedem Rechner zurück, und sonst nichts: keine Regeln, keinen Verlauf, kein Geld. Wer sie liest, kann sich für Sie ausgeben.</translation>
    </message>
    <message>
        <source>&amp;Show recovery words…</source>
        <translation>Wiederherstellungswörter &amp;zeigen…</translation>
    </message>
    <message>
        <source>Restore the &amp;identity from words…</source>
        <translation>&amp;Identität aus Wörtern wiederherstellen…</translation>
    </message>
    <message>
        <source>progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>&amp;Cancel</source>
        <translation>&amp;Abbrechen</translation>
    </message>
    <message>
        <source>Only the owner may do this, and where the secretary runs: secrets are told to nobody in between.</source>
        <translation>Das darf nur der Besitzer, und nur dort, wo der Sekretär läuft: Geheimnisse erfährt niemand dazwischen.</translation>
    </message>
    <message>
        <source>Cancelled: nothing was changed.</source>
        <translation>Abgebrochen: Nichts wurde geändert.</translation>
    </message>
    <message>
        <source>Make a backup</source>
        <translation>Sichern</translation>
    </message>
    <message>
        <source>A passphrase for this backup. Without it nobody can restore the backup, not even you.</source>
        <translation>Eine Passphrase für diese Sicherung. Ohne sie kann niemand die Sicherung wiederherstellen, auch Sie nicht.</translation>
    </message>
    <message>
        <source>with my &amp;identity: then the file and the passphrase are all that is needed to be me</source>
        <translation>mit meiner &amp;Identität: Dann genügen Datei und Passphrase, um sich für mich auszugeben</translation>
    </message>
    <message>
        <source>Backups (*.backup)</source>
        <translation>Sicherungen (*.backup)</translation>
    </message>
    <message>
        <source>%1 is written. Your identity is in it.</source>
        <translation>%1 ist geschrieben. Ihre Identität ist darin.</translation>
    </message>
    <message>
        <source>%1 is written. Your identity is not in it: the recovery words restore that.</source>
        <translation>%1 ist geschrieben. Ihre Identität ist nicht darin: Die stellen die Wiederherstellungswörter wieder her.</translation>
    </message>
    <message>
        <source>Restore</source>
        <translation>Wiederherstellen</translation>
    </message>
    <message>
        <source>&amp;Replace it</source>
        <translation>&amp;Ersetzen</translation>
    </message>
    <message>
        <source>Restore a backup</source>
        <translation>Sicherung wiederherstellen</translation>
    </message>
    <message>
        <source>Backups (*.backup);;All files (*)</source>
        <translation>Sicherungen (*.backup);;Alle Dateien (*)</translation>
    </message>
    <message>
        <source>The passphrase of this backup:</source>
        <translation>Die Passphrase dieser Sicherung:</translation>
    </message>
    <message>
        <source>Nothing was changed.</source>
        <translation>Nichts wurde geändert.</translation>
    </message>
    <message>
        <source>Shall what is here now be replaced by the backup?</source>
        <translation>Soll ersetzt werden, was jetzt hier ist?</translation>
    </message>
    <message>
        <source>The state of %1 is restored.</source>
        <translation>Der Stand vom %1 ist wiederhergestellt.</translation>
    </message>
    <message numerus="yes">
        <source>%n purchases</source>
        <translation>
            <numerusform>%n Kauf</numerusform>
            <numerusform>%n Käufe</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n of them were not settled then: the ISP is asked about them before anything else.</source>
        <translation>
            <numerusform>%n davon war damals nicht abgerechnet: Danach wird der Anbieter zuallererst gefragt.</numerusform>
            <numerusform>%n davon waren damals nicht abgerechnet: Danach wird der Anbieter zuallererst gefragt.</numerusform>
        </translation>
    </message>
    <message>
        <source>The identity is the one that was here.</source>
        <translation>Die Identität ist die, die hier war.</translation>
    </message>
    <message>
        <source>The identity is a new one; another comes back from its recovery words.</source>
        <translation>Die Identität ist eine neue; eine andere kommt aus ihren Wiederherstellungswörtern zurück.</translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation>Wiederherstellungswörter</translation>
    </message>
    <message>
        <source>The words are shown once your passphrase has been given. Nobody should look on.</source>
        <translation>Die Wörter erscheinen nach Eingabe Ihrer Passphrase. Niemand sollte zusehen.</translation>
    </message>
    <message>
        <source>Restore the identity</source>
        <translation>Identität wiederherstellen</translation>
    </message>
    <message>
        <source>The recovery words, in their order:</source>
        <translation>Die Wiederherstellungswörter in ihrer Reihenfolge:</translation>
    </message>
    <message>
        <source>The identity is restored. Rules, contacts and history come from a backup.</source>
        <translation>Die Identität ist wiederhergestellt. Regeln, Kontakte und Verlauf kommen aus einer Sicherung.</translation>
    </message>
    <message>
        <source>Shall the identity that is here now be replaced?</source>
        <translation>Soll die Identität, die jetzt hier ist, ersetzt werden?</translation>
    </message>
</context>
<context>
    <name>netpas::ui::BackupUpload</name>
    <message>
        <source>%1 cannot be read: %2</source>
        <translation>%1 kann nicht gelesen werden: %2</translation>
    </message>
</context>
<context>
    <name>netpas::ui::ContactsPage</name>
    <message>
        <source>Contacts</source>
        <translation>Kontakte</translation>
    </message>
    <message>
        <source>contacts</source>
        <translation>Kontakte</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Groups</source>
        <translation>Gruppen</translation>
    </message>
    <message>
        <source>Sites</source>
        <translation>Websites</translation>
    </message>
    <message>
        <source>Addresses</source>
        <translation>Adressen</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>Site, such as example.net</source>
        <translation>Website, etwa example.net</translation>
    </message>
    <message>
        <source>Group, such as family</source>
        <translation>Gruppe, etwa Familie</translation>
    </message>
    <message>
        <source>&amp;Add</source>
        <translation>&amp;Hinzufügen</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>&amp;Entfernen</translation>
    </message>
    <message>
        <source>Payees with a certificate</source>
        <translation>Empfänger mit Zertifikat</translation>
    </message>
    <message>
        <source>payees</source>
        <translation>Empfänger</translation>
    </message>
    <message>
        <source>Classes</source>
        <translation>Klassen</translation>
    </message>
    <message>
        <source>May be paid</source>
        <translation>Darf bezahlt werden</translation>
    </message>
    <message>
        <source>Identifier</source>
        <translation>Kennung</translation>
    </message>
    <message>
        <source>yes</source>
        <translation>ja</translation>
    </message>
    <message>
        <source>The contact is kept.</source>
        <translation>Der Kontakt ist gespeichert.</translation>
    </message>
    <message>
        <source>The contact is removed.</source>
        <translation>Der Kontakt ist entfernt.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::Desk</name>
    <message>
        <source>The secretary&apos;s ledger cannot be used: nothing is spent.</source>
        <translation>Das Kassenbuch des Sekretärs ist nicht benutzbar: Nichts wird ausgegeben.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::FrontierPlot</name>
    <message>
        <source>price against quality</source>
        <translation>Preis und Qualität</translation>
    </message>
    <message>
        <source>better ↑</source>
        <translation>besser ↑</translation>
    </message>
    <message>
        <source>dearer →</source>
        <translation>teurer →</translation>
    </message>
    <message>
        <source>nothing is offered yet</source>
        <translation>noch wird nichts angeboten</translation>
    </message>
</context>
<context>
    <name>netpas::ui::LivePlot</name>
    <message>
        <source>Nothing is measured yet.</source>
        <translation>Noch ist nichts gemessen.</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message>
        <source>between %1 and %2 %3</source>
        <translation>zwischen %1 und %2 %3</translation>
    </message>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>%1: paid %2, best effort %3</source>
        <translation>%1: bezahlt %2, ohne Bezahlung %3</translation>
    </message>
    <message>
        <source>paid</source>
        <translation>bezahlt</translation>
    </message>
    <message>
        <source>best effort</source>
        <translation>ohne Bezahlung</translation>
    </message>
    <message>
        <source>Few test packets so far: the truth lies in the bands, which get narrower.</source>
        <translation>Noch wenige Testpakete: Die Wahrheit liegt in den Bändern, die schmaler werden.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::MainWindow</name>
    <message>
        <source>NetPaS</source>
        <translation>NetPaS</translation>
    </message>
    <message>
        <source>&amp;Unlock…</source>
        <translation>&amp;Entsperren…</translation>
    </message>
    <message>
        <source>pages</source>
        <translation>Seiten</translation>
    </message>
    <message>
        <source>Overview</source>
        <translation>Übersicht</translation>
    </message>
    <message>
        <source>Questions</source>
        <translation>Fragen</translation>
    </message>
    <message>
        <source>Payments</source>
        <translation>Zahlungen</translation>
    </message>
    <message>
        <source>Rules</source>
        <translation>Regeln</translation>
    </message>
    <message>
        <source>Ways and offers</source>
        <translation>Wege und Angebote</translation>
    </message>
    <message>
        <source>Contacts and payees</source>
        <translation>Kontakte und Empfänger</translation>
    </message>
    <message>
        <source>Backup</source>
        <translation>Sicherung</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>Looking for the secretary…</source>
        <translation>Der Sekretär wird gesucht…</translation>
    </message>
    <message>
        <source>%1 Until it is back everything travels best effort and nothing is spent; this window finds it again by itself.</source>
        <translation>%1 Bis er zurück ist, läuft alles wie ohne Bezahlung, und nichts wird ausgegeben; dieses Fenster findet ihn von selbst wieder.</translation>
    </message>
    <message>
        <source>The secretary is locked: nothing is spent.</source>
        <translation>Der Sekretär ist gesperrt: Nichts wird ausgegeben.</translation>
    </message>
    <message>
        <source>What helps: %1</source>
        <translation>Was hilft: %1</translation>
    </message>
    <message>
        <source>Spending is paused: everything is best effort.</source>
        <translation>Das Ausgeben ruht: Alles läuft wie ohne Bezahlung.</translation>
    </message>
    <message>
        <source>&amp;Go on spending</source>
        <translation>&amp;Weiter ausgeben</translation>
    </message>
    <message>
        <source>&amp;Pause spending</source>
        <translation>&amp;Pause</translation>
    </message>
    <message>
        <source>Questions (%1)</source>
        <translation>Fragen (%1)</translation>
    </message>
    <message>
        <source>Unlock</source>
        <translation>Entsperren</translation>
    </message>
    <message>
        <source>Passphrase of the secretary:</source>
        <translation>Passphrase des Sekretärs:</translation>
    </message>
    <message>
        <source>Neighbours</source>
        <translation>Nachbarn</translation>
    </message>
</context>
<context>
    <name>netpas::ui::Notifier</name>
    <message>
        <source>Open</source>
        <translation>Öffnen</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>Jetzt nicht</translation>
    </message>
    <message>
        <source>Approve once</source>
        <translation>Einmal erlauben</translation>
    </message>
</context>
<context>
    <name>netpas::ui::OverviewPage</name>
    <message>
        <source>Set &amp;up…</source>
        <translation>Ein&amp;richten…</translation>
    </message>
    <message>
        <source>what is bought now</source>
        <translation>was gerade gekauft ist</translation>
    </message>
    <message>
        <source>To</source>
        <translation>Nach</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Wofür</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Spent</source>
        <translation>Ausgegeben</translation>
    </message>
    <message>
        <source>At most</source>
        <translation>Höchstens</translation>
    </message>
    <message>
        <source>&amp;Stop</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation>Hin und zurück</translation>
    </message>
    <message>
        <source>ms</source>
        <translation>ms</translation>
    </message>
    <message>
        <source>Lost</source>
        <translation>Verloren</translation>
    </message>
    <message>
        <source>%</source>
        <translation>%</translation>
    </message>
    <message>
        <source>No ISP is joined yet: there is nobody to buy from.</source>
        <translation>Noch ist kein Anbieter eingerichtet: Es gibt niemanden, bei dem gekauft werden kann.</translation>
    </message>
    <message>
        <source>%1 is connected.</source>
        <translation>%1 ist verbunden.</translation>
    </message>
    <message>
        <source>%1 is not connected: all is best effort.</source>
        <translation>%1 ist nicht verbunden: Alles läuft wie ohne Bezahlung.</translation>
    </message>
    <message>
        <source>Today: %1</source>
        <translation>Heute: %1</translation>
    </message>
    <message>
        <source>This month: %1</source>
        <translation>Dieser Monat: %1</translation>
    </message>
    <message>
        <source>%1 — %2 left</source>
        <translation>%1 — noch %2</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 von %2</translation>
    </message>
    <message>
        <source>Nothing is bought now. Everything travels best effort.</source>
        <translation>Gerade ist nichts gekauft. Alles läuft wie ohne Bezahlung.</translation>
    </message>
    <message>
        <source>you</source>
        <translation>Sie</translation>
    </message>
    <message>
        <source>Comes here</source>
        <translation>Kommt hier an</translation>
    </message>
    <message>
        <source>Mbit/s</source>
        <translation>Mbit/s</translation>
    </message>
</context>
<context>
    <name>netpas::ui::PathsPage</name>
    <message>
        <source>Address of the other end, such as 203.0.113.6</source>
        <translation>Adresse der Gegenseite, etwa 203.0.113.6</translation>
    </message>
    <message>
        <source>address of the other end</source>
        <translation>Adresse der Gegenseite</translation>
    </message>
    <message>
        <source>for what &amp;comes from there</source>
        <translation>für das, was von dort &amp;kommt</translation>
    </message>
    <message>
        <source>&amp;Look</source>
        <translation>&amp;Nachsehen</translation>
    </message>
    <message>
        <source>Never &amp;more than</source>
        <translation>Nie &amp;mehr als</translation>
    </message>
    <message>
        <source>&amp;Buy</source>
        <translation>&amp;Kaufen</translation>
    </message>
    <message>
        <source>Asking…</source>
        <translation>Wird erfragt…</translation>
    </message>
    <message>
        <source>%1: %2; %3. %4</source>
        <translation>%1: %2; %3. %4</translation>
    </message>
    <message>
        <source>This machine</source>
        <translation>Dieser Rechner</translation>
    </message>
    <message>
        <source>best effort</source>
        <translation>ohne Bezahlung</translation>
    </message>
    <message>
        <source>, %1 a packet</source>
        <translation>, %1 pro Paket</translation>
    </message>
    <message>
        <source>not measured yet</source>
        <translation>noch nicht gemessen</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $0.05, for example.</source>
        <translation>„%1“ ist kein Betrag: 5 ¢ oder $0,05 zum Beispiel.</translation>
    </message>
    <message>
        <source>Bought. The overview shows what it brings.</source>
        <translation>Gekauft. Die Übersicht zeigt, was es bringt.</translation>
    </message>
    <message>
        <source>Ways and prices are asked for as soon as the secretary answers. Until then everything travels best effort.</source>
        <translation>Nach Wegen und Preisen wird gefragt, sobald der Sekretär antwortet. Bis dahin läuft alles wie ohne Bezahlung.</translation>
    </message>
    <message>
        <source>C&amp;ancel</source>
        <translation>&amp;Abbrechen</translation>
    </message>
</context>
<context>
    <name>netpas::ui::PaymentsModel</name>
    <message>
        <source>you</source>
        <translation>Sie</translation>
    </message>
    <message>
        <source>not yet</source>
        <translation>noch nicht</translation>
    </message>
    <message>
        <source>When</source>
        <translation>Wann</translation>
    </message>
    <message>
        <source>Application</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Wofür</translation>
    </message>
    <message>
        <source>To</source>
        <translation>Nach</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Charged</source>
        <translation>Berechnet</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>Warum</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Etikett</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>nichts</translation>
    </message>
</context>
<context>
    <name>netpas::ui::PaymentsPage</name>
    <message>
        <source>Search: program, purpose, payee, label</source>
        <translation>Suche: Programm, Zweck, Empfänger, Etikett</translation>
    </message>
    <message>
        <source>search payments</source>
        <translation>Zahlungen durchsuchen</translation>
    </message>
    <message>
        <source>&amp;Export as CSV…</source>
        <translation>Als &amp;CSV speichern…</translation>
    </message>
    <message>
        <source>payments</source>
        <translation>Zahlungen</translation>
    </message>
    <message>
        <source>&amp;Spent in the last 30 days</source>
        <translation>Au&amp;sgaben der letzten 30 Tage</translation>
    </message>
    <message>
        <source>by day</source>
        <translation>nach Tagen</translation>
    </message>
    <message>
        <source>by application</source>
        <translation>nach Programmen</translation>
    </message>
    <message>
        <source>by payee</source>
        <translation>nach Empfängern</translation>
    </message>
    <message>
        <source>by purpose</source>
        <translation>nach Zwecken</translation>
    </message>
    <message numerus="yes">
        <source>%n payments</source>
        <translation>
            <numerusform>%n Zahlung</numerusform>
            <numerusform>%n Zahlungen</numerusform>
        </translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Etikett</translation>
    </message>
    <message>
        <source>Your own words for this payment:</source>
        <translation>Ihre eigenen Worte für diese Zahlung:</translation>
    </message>
    <message>
        <source>Export payments</source>
        <translation>Zahlungen speichern</translation>
    </message>
    <message>
        <source>Tables (*.csv)</source>
        <translation>Tabellen (*.csv)</translation>
    </message>
    <message>
        <source>%1 is written.</source>
        <translation>%1 ist geschrieben.</translation>
    </message>
    <message>
        <source>%1 cannot be written: %2</source>
        <translation>%1 kann nicht geschrieben werden: %2</translation>
    </message>
    <message>
        <source>&amp;Label…</source>
        <translation>&amp;Etikett…</translation>
    </message>
    <message>
        <source>older ones are on their way</source>
        <translation>ältere sind unterwegs</translation>
    </message>
    <message>
        <source>Cancelled: no file was written.</source>
        <translation>Abgebrochen: keine Datei wurde geschrieben.</translation>
    </message>
    <message>
        <source>&amp;Cancel export</source>
        <translation>Export a&amp;bbrechen</translation>
    </message>
    <message>
        <source>%1 kB of the table are here…</source>
        <translation>%1 kB der Tabelle sind da…</translation>
    </message>
</context>
<context>
    <name>netpas::ui::PromptDialog</name>
    <message>
        <source>Better quality?</source>
        <translation>Bessere Qualität?</translation>
    </message>
    <message>
        <source>qualities and prices</source>
        <translation>Qualitäten und Preise</translation>
    </message>
    <message>
        <source>Quality</source>
        <translation>Qualität</translation>
    </message>
    <message>
        <source>Price</source>
        <translation>Preis</translation>
    </message>
    <message>
        <source>Not &amp;now</source>
        <translation>&amp;Jetzt nicht</translation>
    </message>
    <message>
        <source>&amp;Refuse with this rule</source>
        <translation>Mit dieser Regel &amp;ablehnen</translation>
    </message>
    <message>
        <source>Approve &amp;once</source>
        <translation>&amp;Einmal erlauben</translation>
    </message>
    <message>
        <source>&amp;Approve…</source>
        <translation>Er&amp;lauben…</translation>
    </message>
    <message>
        <source>&amp;Approve with this rule</source>
        <translation>Mit dieser Regel er&amp;lauben</translation>
    </message>
    <message>
        <source>The program could not be identified.</source>
        <translation>Das Programm konnte nicht festgestellt werden.</translation>
    </message>
    <message>
        <source>Verified program: %1</source>
        <translation>Geprüftes Programm: %1</translation>
    </message>
    <message>
        <source>Seen here: %1</source>
        <translation>Hier beobachtet: %1</translation>
    </message>
    <message>
        <source>%1 of the budget are left.</source>
        <translation>Vom Budget sind noch %1 übrig.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::PromptsPage</name>
    <message>
        <source>Since</source>
        <translation>Seit</translation>
    </message>
    <message>
        <source>Who</source>
        <translation>Wer</translation>
    </message>
    <message>
        <source>For</source>
        <translation>Wofür</translation>
    </message>
    <message>
        <source>From</source>
        <translation>Von</translation>
    </message>
    <message>
        <source>Price</source>
        <translation>Preis</translation>
    </message>
    <message>
        <source>no window was there</source>
        <translation>kein Fenster war da</translation>
    </message>
    <message>
        <source>you had said not now</source>
        <translation>Sie hatten „jetzt nicht“ gesagt</translation>
    </message>
    <message>
        <source>the secretary was restarted</source>
        <translation>der Sekretär startete neu</translation>
    </message>
    <message>
        <source>too many questions waited</source>
        <translation>zu viele Fragen warteten</translation>
    </message>
    <message>
        <source>the offer ran out</source>
        <translation>das Angebot lief ab</translation>
    </message>
    <message>
        <source>questions that wait</source>
        <translation>wartende Fragen</translation>
    </message>
    <message>
        <source>Asked</source>
        <translation>Gefragt</translation>
    </message>
    <message>
        <source>&amp;Decide…</source>
        <translation>Ent&amp;scheiden…</translation>
    </message>
    <message>
        <source>Missed: nothing was paid, and everything went best effort. One click decides for the next time.</source>
        <translation>Versäumt: Nichts wurde bezahlt, alles lief wie ohne Bezahlung. Ein Klick entscheidet für das nächste Mal.</translation>
    </message>
    <message>
        <source>missed questions</source>
        <translation>versäumte Fragen</translation>
    </message>
    <message>
        <source>Why</source>
        <translation>Warum</translation>
    </message>
    <message>
        <source>&amp;Forget</source>
        <translation>&amp;Vergessen</translation>
    </message>
    <message>
        <source>&amp;Refuse from now on</source>
        <translation>Ab jetzt ab&amp;lehnen</translation>
    </message>
    <message>
        <source>Approve &amp;next time</source>
        <translation>&amp;Nächstes Mal erlauben</translation>
    </message>
    <message>
        <source>&amp;Approve from now on</source>
        <translation>Ab jetzt &amp;erlauben</translation>
    </message>
    <message>
        <source>Decide &amp;in detail…</source>
        <translation>Im E&amp;inzelnen…</translation>
    </message>
    <message>
        <source>No questions. Rules and budgets decide; what is unsure is asked here.</source>
        <translation>Keine Fragen. Regeln und Budgets entscheiden; was unklar ist, wird hier gefragt.</translation>
    </message>
    <message>
        <source>Questions are shown to the owner of the secretary only.</source>
        <translation>Fragen sieht nur der Besitzer des Sekretärs.</translation>
    </message>
    <message numerus="yes">
        <source>%n times</source>
        <translation>
            <numerusform>%n-mal</numerusform>
            <numerusform>%n-mal</numerusform>
        </translation>
    </message>
    <message>
        <source>The rule is kept: %1</source>
        <translation>Die Regel gilt: %1</translation>
    </message>
    <message>
        <source>A rule would be about %1, up to %2.</source>
        <translation>Eine Regel gälte für %1, bis %2.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::RuleSentence</name>
    <message>
        <source>Up to</source>
        <translation>Bis zu</translation>
    </message>
    <message>
        <source>the most that the rule allows</source>
        <translation>das Höchste, was die Regel erlaubt</translation>
    </message>
    <message>
        <source>for</source>
        <translation>für</translation>
    </message>
    <message>
        <source>anything</source>
        <translation>alles</translation>
    </message>
    <message>
        <source>for what</source>
        <translation>wofür</translation>
    </message>
    <message>
        <source>in</source>
        <translation>in</translation>
    </message>
    <message>
        <source>any program</source>
        <translation>jedem Programm</translation>
    </message>
    <message>
        <source>in which program</source>
        <translation>in welchem Programm</translation>
    </message>
    <message>
        <source>from</source>
        <translation>von</translation>
    </message>
    <message>
        <source>anywhere</source>
        <translation>überall</translation>
    </message>
    <message>
        <source>from whom</source>
        <translation>von wem</translation>
    </message>
    <message>
        <source>until</source>
        <translation>bis</translation>
    </message>
    <message>
        <source>for how long</source>
        <translation>wie lange</translation>
    </message>
    <message>
        <source>this program exits</source>
        <translation>dieses Programm endet</translation>
    </message>
    <message>
        <source>an hour has passed</source>
        <translation>eine Stunde um ist</translation>
    </message>
    <message>
        <source>today ends</source>
        <translation>der Tag zu Ende ist</translation>
    </message>
    <message>
        <source>a date</source>
        <translation>zu einem Zeitpunkt</translation>
    </message>
    <message>
        <source>you take it back</source>
        <translation>Sie es zurücknehmen</translation>
    </message>
    <message>
        <source>the date</source>
        <translation>der Zeitpunkt</translation>
    </message>
    <message>
        <source>a minute</source>
        <translation>pro Minute</translation>
    </message>
    <message>
        <source>each time</source>
        <translation>jedes Mal</translation>
    </message>
</context>
<context>
    <name>netpas::ui::RulesModel</name>
    <message>
        <source>never</source>
        <translation>nie</translation>
    </message>
    <message>
        <source>Rule</source>
        <translation>Regel</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Stand</translation>
    </message>
    <message>
        <source>Used</source>
        <translation>Benutzt</translation>
    </message>
    <message>
        <source>Spent</source>
        <translation>Ausgegeben</translation>
    </message>
    <message>
        <source>Last</source>
        <translation>Zuletzt</translation>
    </message>
</context>
<context>
    <name>netpas::ui::RulesPage</name>
    <message>
        <source>Search rules</source>
        <translation>Regeln durchsuchen</translation>
    </message>
    <message>
        <source>search rules</source>
        <translation>Regeln durchsuchen</translation>
    </message>
    <message>
        <source>rules</source>
        <translation>Regeln</translation>
    </message>
    <message>
        <source>&amp;Switch off or on</source>
        <translation>&amp;Aus- oder einschalten</translation>
    </message>
    <message>
        <source>&amp;Edit</source>
        <translation>&amp;Bearbeiten</translation>
    </message>
    <message>
        <source>&amp;Remove</source>
        <translation>&amp;Entfernen</translation>
    </message>
    <message>
        <source>up to 1c a minute for video in mpv from example.net until today</source>
        <translation>bis zu 1 ct pro Minute für Video in mpv von example.net bis heute</translation>
    </message>
    <message>
        <source>a rule as a sentence</source>
        <translation>eine Regel als (englischer) Satz</translation>
    </message>
    <message>
        <source>&amp;Add rule</source>
        <translation>Regel &amp;hinzufügen</translation>
    </message>
    <message>
        <source>The rule is kept.</source>
        <translation>Die Regel gilt.</translation>
    </message>
    <message>
        <source>&amp;Keep changes</source>
        <translation>Änderungen &amp;übernehmen</translation>
    </message>
    <message>
        <source>The rule is removed.</source>
        <translation>Die Regel ist entfernt.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::Screenshots</name>
    <message>
        <source>%1 cannot be written</source>
        <translation>%1 kann nicht geschrieben werden</translation>
    </message>
</context>
<context>
    <name>netpas::ui::SecretDialog</name>
    <message>
        <source>&amp;Passphrase</source>
        <translation>&amp;Passphrase</translation>
    </message>
    <message>
        <source>Once &amp;more</source>
        <translation>Noch ein&amp;mal</translation>
    </message>
    <message>
        <source>They are not alike.</source>
        <translation>Sie sind nicht gleich.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::SettingsPage</name>
    <message>
        <source>questions are shown</source>
        <translation>Fragen werden gezeigt</translation>
    </message>
    <message>
        <source>questions only wait in the list</source>
        <translation>Fragen warten nur in der Liste</translation>
    </message>
    <message>
        <source>nothing is spent</source>
        <translation>nichts wird ausgegeben</translation>
    </message>
    <message>
        <source>&amp;Mode</source>
        <translation>&amp;Modus</translation>
    </message>
    <message>
        <source>Budgets</source>
        <translation>Budgets</translation>
    </message>
    <message>
        <source>&amp;Always ask</source>
        <translation>&amp;Immer fragen</translation>
    </message>
    <message>
        <source>A&amp;ccept</source>
        <translation>A&amp;nnehmen</translation>
    </message>
    <message>
        <source>budgets</source>
        <translation>Budgets</translation>
    </message>
    <message>
        <source>Budget</source>
        <translation>Budget</translation>
    </message>
    <message>
        <source>Limit</source>
        <translation>Grenze</translation>
    </message>
    <message>
        <source>Spent</source>
        <translation>Ausgegeben</translation>
    </message>
    <message>
        <source>Left</source>
        <translation>Übrig</translation>
    </message>
    <message>
        <source>For everything, &amp;never more than</source>
        <translation>Für alles nie &amp;mehr als</translation>
    </message>
    <message>
        <source>in which time</source>
        <translation>in welcher Zeit</translation>
    </message>
    <message>
        <source>a day</source>
        <translation>am Tag</translation>
    </message>
    <message>
        <source>a week</source>
        <translation>in der Woche</translation>
    </message>
    <message>
        <source>a month</source>
        <translation>im Monat</translation>
    </message>
    <message>
        <source>&amp;Set</source>
        <translation>&amp;Setzen</translation>
    </message>
    <message>
        <source>&amp;Remove selected</source>
        <translation>Ausgewähltes &amp;entfernen</translation>
    </message>
    <message>
        <source>Protection</source>
        <translation>Schutz</translation>
    </message>
    <message>
        <source>Present passphrase, if there is one</source>
        <translation>Jetzige Passphrase, falls es eine gibt</translation>
    </message>
    <message>
        <source>New passphrase</source>
        <translation>Neue Passphrase</translation>
    </message>
    <message>
        <source>Once more</source>
        <translation>Noch einmal</translation>
    </message>
    <message>
        <source>&amp;Lock now</source>
        <translation>Jetzt sperre&amp;n</translation>
    </message>
    <message>
        <source>as the desktop</source>
        <translation>wie der Desktop</translation>
    </message>
    <message>
        <source>light</source>
        <translation>hell</translation>
    </message>
    <message>
        <source>dark</source>
        <translation>dunkel</translation>
    </message>
    <message>
        <source>&amp;Theme</source>
        <translation>&amp;Farben</translation>
    </message>
    <message>
        <source>stay in the &amp;tray when the window is closed</source>
        <translation>nach dem Schließen des Fensters im S&amp;ystembereich bleiben</translation>
    </message>
    <message>
        <source>To begin with: %1?</source>
        <translation>Für den Anfang: %1?</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $2, for example.</source>
        <translation>„%1“ ist kein Betrag: 5 ¢ oder $2 zum Beispiel.</translation>
    </message>
    <message>
        <source>The budget is set.</source>
        <translation>Das Budget ist gesetzt.</translation>
    </message>
    <message>
        <source>The budget is removed.</source>
        <translation>Das Budget ist entfernt.</translation>
    </message>
    <message>
        <source>The new passphrase has to be typed twice, alike.</source>
        <translation>Die neue Passphrase muss zweimal gleich eingegeben werden.</translation>
    </message>
    <message>
        <source>The passphrase is set: from now on the secretary starts locked.</source>
        <translation>Die Passphrase ist gesetzt: Ab jetzt startet der Sekretär gesperrt.</translation>
    </message>
    <message>
        <source>Lan&amp;guage</source>
        <translation>Sp&amp;rache</translation>
    </message>
    <message>
        <source>Set passp&amp;hrase</source>
        <translation>Passp&amp;hrase setzen</translation>
    </message>
</context>
<context>
    <name>netpas::ui::SetupDialog</name>
    <message>
        <source>Set up NetPaS</source>
        <translation>NetPaS einrichten</translation>
    </message>
    <message>
        <source>progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>&amp;Back</source>
        <translation>&amp;Zurück</translation>
    </message>
    <message>
        <source>&amp;Leave out</source>
        <translation>&amp;Auslassen</translation>
    </message>
    <message>
        <source>&amp;Next</source>
        <translation>&amp;Weiter</translation>
    </message>
    <message>
        <source>What will be done</source>
        <translation>Was getan wird</translation>
    </message>
    <message>
        <source>Your ISP</source>
        <translation>Ihr Anbieter</translation>
    </message>
    <message>
        <source>Better service is bought through your ISP. It gives its customers an address for that; without one everything stays best effort, as it is now.</source>
        <translation>Bessere Verbindungen werden über Ihren Internetanbieter gekauft. Dafür gibt er seinen Kunden eine Adresse; ohne sie bleibt alles, wie es jetzt ist.</translation>
    </message>
    <message>
        <source>&amp;Address from the ISP</source>
        <translation>&amp;Adresse vom Anbieter</translation>
    </message>
    <message>
        <source>Passphrase and recovery words</source>
        <translation>Passphrase und Wiederherstellungswörter</translation>
    </message>
    <message>
        <source>A passphrase protects your keys and your history. From then on NetPaS starts locked, and nothing is spent until you unlock it. Recovery words for paper come with it.</source>
        <translation>Eine Passphrase schützt Ihre Schlüssel und Ihren Verlauf. Danach startet NetPaS gesperrt, und bis Sie es entsperren, wird nichts ausgegeben. Dazu gibt es Wiederherstellungswörter für das Papier.</translation>
    </message>
    <message>
        <source>&amp;Passphrase</source>
        <translation>&amp;Passphrase</translation>
    </message>
    <message>
        <source>Once &amp;more</source>
        <translation>Noch ein&amp;mal</translation>
    </message>
    <message>
        <source>Envelope</source>
        <translation>Rahmen</translation>
    </message>
    <message>
        <source>More than this is never spent, whatever any rule says. Within it you are asked, unless a rule or your earlier answers decide.</source>
        <translation>Mehr als das wird nie ausgegeben, was eine Regel auch sagt. Innerhalb werden Sie gefragt, wenn keine Regel und keine früheren Antworten entscheiden.</translation>
    </message>
    <message>
        <source>At most a &amp;month</source>
        <translation>Höchstens im &amp;Monat</translation>
    </message>
    <message>
        <source>At most a &amp;day without asking</source>
        <translation>Höchstens am &amp;Tag ohne zu fragen</translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation>Wiederherstellungswörter</translation>
    </message>
    <message>
        <source>Write them on paper, in this order. They restore your identity, and so does whoever reads them. Everything else comes back from a backup file: see the page Backup.</source>
        <translation>Schreiben Sie sie in dieser Reihenfolge auf Papier. Sie stellen Ihre Identität wieder her, auch für jeden anderen, der sie liest. Alles Übrige kommt aus einer Sicherung zurück: siehe die Seite Sicherung.</translation>
    </message>
    <message>
        <source>From the paper</source>
        <translation>Vom Papier</translation>
    </message>
    <message>
        <source>Three of them, to be sure:</source>
        <translation>Drei davon, zur Sicherheit:</translation>
    </message>
    <message>
        <source>&amp;Later</source>
        <translation>&amp;Später</translation>
    </message>
    <message>
        <source>&amp;Do it</source>
        <translation>&amp;Ausführen</translation>
    </message>
    <message>
        <source>&amp;I wrote them down</source>
        <translation>Ich habe sie &amp;aufgeschrieben</translation>
    </message>
    <message>
        <source>&amp;Done</source>
        <translation>&amp;Fertig</translation>
    </message>
    <message>
        <source>Nothing. Everything can be done later, in the settings.</source>
        <translation>Nichts. Alles geht auch später, in den Einstellungen.</translation>
    </message>
    <message>
        <source>&amp;Close</source>
        <translation>&amp;Schließen</translation>
    </message>
    <message>
        <source>The whole address is needed, with the 64 signs behind the #.</source>
        <translation>Es braucht die ganze Adresse mit den 64 Zeichen hinter dem #.</translation>
    </message>
    <message>
        <source>They are not alike.</source>
        <translation>Sie sind nicht gleich.</translation>
    </message>
    <message>
        <source>&quot;%1&quot; is no amount: 5 ¢ or $2, for example.</source>
        <translation>„%1“ ist kein Betrag: 5 ¢ oder $2 zum Beispiel.</translation>
    </message>
    <message>
        <source>Join the ISP at %1</source>
        <translation>Den Anbieter unter %1 einrichten</translation>
    </message>
    <message>
        <source>Set the envelope</source>
        <translation>Den Rahmen setzen</translation>
    </message>
    <message>
        <source>… with %1 instead</source>
        <translation>… mit %1 stattdessen</translation>
    </message>
    <message>
        <source>Protect everything with the passphrase, and show the recovery words</source>
        <translation>Alles mit der Passphrase schützen und die Wiederherstellungswörter zeigen</translation>
    </message>
    <message>
        <source>The page Backup shows the words later.</source>
        <translation>Die Seite Sicherung zeigt die Wörter später.</translation>
    </message>
</context>
<context>
    <name>netpas::ui::SpendingPlot</name>
    <message>
        <source>not said</source>
        <translation>nicht gesagt</translation>
    </message>
    <message numerus="yes">
        <source>%n others</source>
        <translation>
            <numerusform>%n weiterer</numerusform>
            <numerusform>%n weitere</numerusform>
        </translation>
    </message>
    <message>
        <source>spending</source>
        <translation>Ausgaben</translation>
    </message>
    <message>
        <source>%1 in all</source>
        <translation>%1 insgesamt</translation>
    </message>
    <message>
        <source>%1: %2</source>
        <translation>%1: %2</translation>
    </message>
    <message>
        <source>Nothing was spent in this time.</source>
        <translation>In dieser Zeit wurde nichts ausgegeben.</translation>
    </message>
    <message>
        <source>%1 on the dearest day</source>
        <translation>%1 am teuersten Tag</translation>
    </message>
</context>
<context>
    <name>netpas::ui::Tray</name>
    <message>
        <source>&amp;Open</source>
        <translation>Ö&amp;ffnen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>NetPaS</source>
        <translation>NetPaS</translation>
    </message>
    <message>
        <source>NetPaS is locked: nothing is spent</source>
        <translation>NetPaS ist gesperrt: Nichts wird ausgegeben</translation>
    </message>
    <message>
        <source>NetPaS does not run: everything is best effort</source>
        <translation>NetPaS läuft nicht: Alles ist wie ohne Bezahlung</translation>
    </message>
    <message>
        <source>Spending is paused: everything is best effort</source>
        <translation>Das Ausgeben ruht: Alles ist wie ohne Bezahlung</translation>
    </message>
    <message numerus="yes">
        <source>%n questions wait</source>
        <translation>
            <numerusform>%n Frage wartet</numerusform>
            <numerusform>%n Fragen warten</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n &amp;questions…</source>
        <translation>
            <numerusform>%n &amp;Frage…</numerusform>
            <numerusform>%n &amp;Fragen…</numerusform>
        </translation>
    </message>
    <message>
        <source>&amp;Go on spending</source>
        <translation>&amp;Weiter ausgeben</translation>
    </message>
    <message>
        <source>&amp;Pause spending</source>
        <translation>&amp;Pause</translation>
    </message>
</context>
<context>
    <name>netpas::ui::WayView</name>
    <message>
        <source>%1 %2</source>
        <translation>%1 %2</translation>
    </message>
    <message>
        <source>%1 to %2 %3</source>
        <translation>%1 bis %2 %3</translation>
    </message>
    <message>
        <source>ms</source>
        <translation>ms</translation>
    </message>
    <message>
        <source>% lost</source>
        <translation>% verloren</translation>
    </message>
    <message>
        <source>the way, ISP by ISP</source>
        <translation>der Weg, Anbieter für Anbieter</translation>
    </message>
</context>
<context>
    <name>netpas::ui::WordsQuiz</name>
    <message>
        <source>Word number %1</source>
        <translation>Wort Nummer %1</translation>
    </message>
</context>
<context>
    <name>netpas::ui::WordsTable</name>
    <message>
        <source>%1. %2</source>
        <translation>%1. %2</translation>
    </message>
    <message>
        <source>recovery words</source>
        <translation>Wiederherstellungswörter</translation>
    </message>
    <message>
        <source>Recovery words</source>
        <translation>Wiederherstellungswörter</translation>
    </message>
    <message>
        <source>Write them on paper, in this order. They restore your identity, and so does whoever reads them.</source>
        <translation>Schreiben Sie sie in dieser Reihenfolge auf Papier. Sie stellen Ihre Identität wieder her, auch für jeden anderen, der sie liest.</translation>
    </message>
    <message>
        <source>From the paper:</source>
        <translation>Vom Papier:</translation>
    </message>
    <message>
        <source>&amp;I wrote them down</source>
        <translation>Ich habe sie &amp;aufgeschrieben</translation>
    </message>
    <message>
        <source>&amp;Done</source>
        <translation>&amp;Fertig</translation>
    </message>
    <message>
        <source>&amp;Show them again</source>
        <translation>Noch einmal &amp;zeigen</translation>
    </message>
</context>
</TS>
